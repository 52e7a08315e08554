"""A form that fills itself: the local model answers through a grammar; each field shows when it is sure."""

from typing import Any

from pydantic import BaseModel

from api_models import APIModelManager, Partial, StructuredHandler


class Traveller(BaseModel):
    name: str
    age: int
    city: str


class Form(StructuredHandler):
    def on_partial(self, partial: Partial) -> None:
        print(f"{partial.fields_done} of {partial.fields_expected}: {partial.value}")

    def on_field_complete(self, path: tuple[str | int, ...], value: Any) -> None:
        print(f"{path[0]} is {value!r}")


with APIModelManager() as manager:
    stream = manager.generate_structured(
        "Tom is 25 years old and lives in Paris.", Traveller, "local", handlers=[Form()]
    )
    traveller = stream.result()  # a Traveller, or StructuredOutputError says what is wrong with the answer
    print(f"{type(traveller).__name__} {stream.mode}")
