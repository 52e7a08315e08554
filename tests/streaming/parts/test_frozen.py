"""Frozen values are dataclasses to their users."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import subprocess
import sys

import pytest

from api_models.streaming.parts.frozen import Frozen, fields_of, replace


class Place(Frozen):
    """Where something is."""

    town: str
    street: str = "High Street"


class House(Place):
    number: int = 1

    def __post_init__(self) -> None:
        if self.number < 1:
            raise ValueError("no such number")


def test_fields_are_given_by_place_and_by_name():
    assert fields_of(House("Ulm", number=7)) == {"town": "Ulm", "street": "High Street", "number": 7}


@pytest.mark.parametrize("arguments, named", [((), {}), (("a", "b", 3, 4), {}), (("a",), {"twn": "b"})])
def test_wrong_arguments_are_refused(arguments, named):
    with pytest.raises(TypeError):
        House(*arguments, **named)


def test_a_value_is_checked_whenever_it_is_made():
    with pytest.raises(ValueError, match="no such number"):
        replace(House("Ulm"), number=0)


def test_a_base_made_first_does_not_make_its_heirs():
    """Each class has an `__init__` of its own, whichever was needed first."""

    class First(Frozen):
        one: int

    class Second(First):
        two: int

    assert fields_of(First(1)) == {"one": 1}
    assert fields_of(Second(1, 2)) == {"one": 1, "two": 2}


def test_values_are_equal_by_class_and_fields():
    assert Place("Ulm") == Place("Ulm") != Place("Bonn")
    assert Place("Ulm") != House("Ulm")
    assert len({Place("Ulm"), Place("Ulm"), House("Ulm")}) == 2


def test_nothing_can_be_changed():
    place = Place("Ulm")
    with pytest.raises(dataclasses.FrozenInstanceError):
        place.town = "Bonn"
    with pytest.raises(dataclasses.FrozenInstanceError):
        del place.town
    with pytest.raises(AttributeError):
        place.country = "D"


def test_dataclasses_takes_them_for_its_own():
    house = House("Ulm", number=7)
    assert dataclasses.is_dataclass(House)
    assert [field.name for field in dataclasses.fields(house)] == ["town", "street", "number"]
    assert dataclasses.asdict(house) == fields_of(house)
    assert dataclasses.replace(house, number=8) == House("Ulm", number=8)


def test_they_are_matched_shown_and_described():
    match House("Ulm", number=7):
        case House(town, _, number):
            assert (town, number) == ("Ulm", 7)
        case _:
            pytest.fail("not matched")
    assert repr(House("Ulm")) == "House(town='Ulm', street='High Street', number=1)"
    assert str(inspect.signature(Place)) == "(town: 'str', street: 'str' = 'High Street') -> 'None'"


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_they_can_be_copied_and_pickled(again):
    assert again(House("Ulm", number=7)) == House("Ulm", number=7)


def test_dataclasses_is_not_loaded_for_them():
    """What the import of the house must not pay for."""
    program = "import sys, api_models; assert not {'dataclasses', 'inspect'} & set(sys.modules)"
    subprocess.run([sys.executable, "-S", "-c", program], check=True, env={"PYTHONPATH": ":".join(sys.path)})
