"""A form that fills itself: the local model answers through a grammar; each field shows when it is sure."""

from typing import Any

from pydantic import BaseModel

from api_models import APIModelManager, StructuredHandler


class Traveller(BaseModel):
    name: str
    age: int
    city: str


class Form(StructuredHandler):
    def on_field_complete(self, path: tuple[str | int, ...], value: Any) -> None:
        print(f"{path[0]}: {value!r}")


with APIModelManager() as manager:
    stream = manager.generate_structured(
        "Tom is 25 years old and lives in Paris.", Traveller, "local", handlers=[Form()]
    )
    for partial in stream:
        sure = [path[0] for path in partial.complete if path]
        print(f"  {len(sure)} of {partial.fields_expected} sure")
    traveller = stream.result()  # a Traveller, or StructuredOutputError says what is wrong with the answer
    print(f"{type(traveller).__name__} {stream.mode}")
