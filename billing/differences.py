"""What a compare of gateway and ledger can find."""

from __future__ import annotations

from dataclasses import dataclass

FOR_OPERATOR = "in the operator's queue"


@dataclass(frozen=True, slots=True)
class Difference:
    """`payment`: our reference, None for money of nobody known. `done`: what became of it.

    | kind                              | what it is                                | what is done           |
    |-----------------------------------|-------------------------------------------|------------------------|
    | behind                            | decided there, and we had not heard       | settled                |
    | refund_behind, dispute_behind     | the same for money that went back         | booked                 |
    | open_there                        | over here, could still be charged there   | canceled there         |
    | open_there, processing            | over here, the bank is still at it there  | the operator's         |
    | of_nobody                         | a capture that no payment here knows      | the inbox's: suspense  |
    | not_captured_there                | booked here, nothing was taken there      | the operator's         |
    | booked_differs                    | other sum or currency booked than taken   | the operator's         |
    | captured_twice                    | two objects of one payment took money     | the operator's         |
    | refund_not_there, dispute_not_there | booked here, unknown there              | the operator's         |
    | refund_differs, dispute_differs   | both know it, differently                 | the operator's         |
    """

    kind: str
    payment: str | None
    gateway_id: str
    detail: str
    done: str

    @property
    def for_operator(self) -> bool:
        return self.done == FOR_OPERATOR
