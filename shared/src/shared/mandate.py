"""Who acts for somebody else, and why: every act of support keeps both."""

from dataclasses import dataclass

from shared.complaints import CannotGoOn


@dataclass(frozen=True)
class Mandate:
    """Who acts, and why; `CannotGoOn` where one of them is not told."""

    by: str
    reason: str

    def __post_init__(self) -> None:
        if not (self.by.strip() and self.reason.strip()):
            raise CannotGoOn("Say who does it (--by) and why (--reason); both are kept.")
