from attrs import field, frozen
from twisted.trial.unittest import SynchronousTestCase

from mnemo.tools.structure import structured


@frozen(kw_only=True, slots=False)
class Inner:
    name: str
    note: str = ""


@frozen(kw_only=True, slots=False)
class Outer:
    needed: list[Inner]
    nothing: str | None
    inner: Inner | None = None
    many: list[Inner] = field(factory=list)
    number: int = 0
    truth: bool = False
    counts: dict[str, int] = field(factory=dict)


class Structuring(SynchronousTestCase):
    def test_what_may_be_left_out_and_says_nothing_is(self) -> None:
        self.assertEqual(
            structured(Outer(needed=[], nothing=None)),
            {"needed": [], "nothing": None, "number": 0, "truth": False},
        )

    def test_at_every_depth(self) -> None:
        outer = Outer(
            needed=[Inner(name="", note="")],
            nothing="x",
            inner=Inner(name="a"),
            many=[Inner(name="b", note="c")],
            counts={"d": 0},
        )
        self.assertEqual(
            structured(outer),
            {
                "needed": [{"name": ""}],
                "nothing": "x",
                "inner": {"name": "a"},
                "many": [{"name": "b", "note": "c"}],
                "number": 0,
                "truth": False,
                "counts": {"d": 0},
            },
        )
