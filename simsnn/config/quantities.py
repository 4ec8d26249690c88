"""Typed YAML quantities: strings with units outside, integers or exact fractions inside.

Every type parses with :func:`simsnn.units.parse_quantity` and writes itself back as a string
with its unit, so that a resolved configuration can be read again. The validation error carries
the allowed units and the nearest match in its context, which the loader shows.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from simsnn.errors import nearest
from simsnn.units import Dimension, QuantityError, format_quantity, parse_quantity


class StrictModel(BaseModel):
    """Base of every configuration model: unknown keys refused, frozen, no silent coercion."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        validate_default=True,
        populate_by_name=True,
        allow_inf_nan=False,
    )

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, data: Any) -> Any:
        if isinstance(data, dict):
            known = {field.alias or name for name, field in cls.model_fields.items()}
            for key in data:
                if key not in known and key not in cls.model_fields:
                    context = {"key": str(key), "allowed": tuple(sorted(known)), "nearest": nearest(str(key), known)}
                    raise PydanticCustomError("unknown_key", "unknown key {key!r}", context)
            # a list is the only sequence that YAML and JSON have; strict models hold tuples
            return {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}
        return data


def _reader(
    dimension: Dimension, *, whole: bool, positive: bool, also: Dimension | None = None
) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        try:
            quantity = parse_quantity(value, dimension, also)
        except QuantityError as error:
            raise PydanticCustomError(
                "quantity",
                "{message}",
                {"message": str(error), "allowed": error.allowed, "nearest": error.nearest},
            ) from None
        if quantity < 0 or (positive and quantity == 0):
            word = "positive" if positive else "zero or more"
            least = f"more than 0 {dimension.unit}" if positive else f"0 {dimension.unit} or more"
            context = {"value": value, "word": word, "allowed": (least,)}
            raise PydanticCustomError("quantity", "{value} must be {word}", context)
        if whole and quantity.denominator != 1:
            context = {"value": value, "unit": dimension.unit, "allowed": (f"whole numbers of {dimension.unit}",)}
            raise PydanticCustomError("quantity", "{value} is not a whole number of {unit}", context)
        return int(quantity) if whole else quantity

    return read


def _writer(dimension: Dimension) -> PlainSerializer:
    return PlainSerializer(lambda value: format_quantity(value, dimension), return_type=str)


def _schema(dimension: Dimension) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "description": "number with a unit: " + ", ".join(dimension.accepted)})


def _bandwidth_reader(value: Any) -> Any:
    """Bandwidths may be per second or per cycle; the result keeps which."""
    per_cycle = isinstance(value, str) and value.rstrip().endswith("/cycle")
    units = (Dimension.BANDWIDTH, Dimension.RATE)
    dimension, also = units[::-1] if per_cycle else units
    amount = _reader(dimension, whole=False, positive=True, also=also)(value)
    return Bandwidth(amount=amount, per_cycle=per_cycle)


class Bandwidth:
    """Bytes per second, or bytes per cycle of the machine's clock."""

    __slots__ = ("amount", "per_cycle")

    def __init__(self, amount: Fraction, per_cycle: bool) -> None:
        self.amount = amount
        self.per_cycle = per_cycle

    def bytes_per_cycle(self, clock_hz: int) -> Fraction:
        """Exact rate on a clock."""
        return self.amount if self.per_cycle else self.amount / clock_hz

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Bandwidth) and (self.amount, self.per_cycle) == (other.amount, other.per_cycle)

    def __hash__(self) -> int:
        return hash((self.amount, self.per_cycle))

    def __repr__(self) -> str:
        return format_quantity(self.amount, Dimension.RATE if self.per_cycle else Dimension.BANDWIDTH)


def _latency_reader(value: Any) -> Any:
    cycles = isinstance(value, str) and value.rstrip().endswith(("cycle", "cycles"))
    units = (Dimension.TIME, Dimension.CYCLES)
    dimension, also = units[::-1] if cycles else units
    return Latency(amount=_reader(dimension, whole=cycles, positive=False, also=also)(value), in_cycles=cycles)


class Latency:
    """A duration in nanoseconds, or a whole number of cycles."""

    __slots__ = ("amount", "in_cycles")

    def __init__(self, amount: Fraction | int, in_cycles: bool) -> None:
        self.amount = amount
        self.in_cycles = in_cycles

    def cycles(self, clock_hz: int) -> int:
        """Whole cycles on a clock, rounded up once."""
        if self.in_cycles:
            return int(self.amount)
        return -int(-Fraction(self.amount) * clock_hz // 10**9)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Latency) and (self.amount, self.in_cycles) == (other.amount, other.in_cycles)

    def __hash__(self) -> int:
        return hash((self.amount, self.in_cycles))

    def __repr__(self) -> str:
        return format_quantity(self.amount, Dimension.CYCLES if self.in_cycles else Dimension.TIME)


def written(text: str) -> Any:
    """Default of a quantity, as YAML would write it; validated like any other value."""
    return text


def _quantity(dimension: Dimension, *, whole: bool = True, positive: bool = True) -> tuple[Any, ...]:
    return (BeforeValidator(_reader(dimension, whole=whole, positive=positive)), _writer(dimension), _schema(dimension))


_size = _quantity(Dimension.SIZE)
_width = _quantity(Dimension.WIDTH)
_clock = _quantity(Dimension.FREQUENCY)
_voltage = _quantity(Dimension.VOLTAGE, whole=False)
_node = _quantity(Dimension.LENGTH, whole=False)
_duration = _quantity(Dimension.TIME, whole=False)


def _simulable(bits: int) -> int:
    if not 2 <= bits <= 63:
        raise ValueError(f"an accumulator of {bits} bit; 2 bit to 63 bit can be simulated exactly")
    return bits


SizeBytes = Annotated[int, *_size]
WidthBits = Annotated[int, *_width]
AccumulatorBits = Annotated[WidthBits, AfterValidator(_simulable)]
"""Width of an accumulator that wraps: sums are kept in 64-bit integers."""
ClockHz = Annotated[int, *_clock]
VoltageV = Annotated[Fraction, *_voltage]
NodeNm = Annotated[Fraction, *_node]
DurationNs = Annotated[Fraction, *_duration]
BandwidthValue = Annotated[
    Any, BeforeValidator(_bandwidth_reader), PlainSerializer(repr, return_type=str), _schema(Dimension.BANDWIDTH)
]
LatencyValue = Annotated[
    Any, BeforeValidator(_latency_reader), PlainSerializer(repr, return_type=str), _schema(Dimension.TIME)
]
Count = Annotated[int, Field(gt=0, le=2**24)]
"""A positive bare number; larger ones are a slip, or more than a simulation could finish."""
Index = Annotated[int, Field(ge=0)]
"""A bare number that may be zero."""
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]*$", max_length=64)]
"""Name of a component, layer or experiment."""
