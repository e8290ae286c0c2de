"""Which quantities of a sentence are amounts: what stands around a number decides.

With a currency beside it a number is an amount. Without one it is only between words that are known to stand beside
amounts, so that card endings, dates, phone numbers, addresses and counts of things stay what they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assistant.amounts.lexicon import MONTHS, Lexicon, Phrases
from assistant.amounts.numbers import Quantity
from assistant.amounts.quantities import Item

CLAUSE_REACH = 7  # words to the left in which a "not" or a verb still governs a number
LONGEST_BARE = 6  # digits of a bare whole number inside a sentence; a longer one is an id unless it stands alone
LAST_FOUR = 4  # also the most digits of a whole number that nothing asks to pay


@dataclass(frozen=True, slots=True)
class Mention:
    """An amount that was named, and how: refused ("not 50"), told ("I owe 50"), or in unclear relation ("20 more")."""

    position: int
    quantity: Quantity
    negated: bool = False
    stated: bool = False
    vague: bool = False


class Surroundings:
    """The items of a sentence, asked about by position."""

    def __init__(self, items: Sequence[Item], lexicon: Lexicon) -> None:
        self.items, self.lexicon = items, lexicon

    def kind(self, position: int) -> str:
        return self.items[position].kind if 0 <= position < len(self.items) else "end"

    def word(self, position: int) -> str:
        """The word at `position`; an empty string for anything else, the ends included."""
        return self.items[position].text if self.kind(position) == "word" else ""

    def quantity(self, position: int) -> Quantity | None:
        item = self.items[position] if 0 <= position < len(self.items) else None
        return item if isinstance(item, Quantity) else None

    def mentions(self) -> list[Mention]:
        found = []
        for position, item in enumerate(self.items):
            if isinstance(item, Quantity) and item.values and self._is_amount(position, item):
                found.append(
                    Mention(
                        position,
                        item,
                        negated=self.negated(position),
                        stated=self._stated(position),
                        vague=self._vague(position),
                    )
                )
        return found

    # Is it an amount?

    def _is_amount(self, position: int, quantity: Quantity) -> bool:
        if quantity.money:
            return True
        linked = self._linked(position)
        if any(item.money for item in linked):  # "40 to 50 dollars"
            return True
        alone = all(item is quantity or item.kind == "punctuation" for item in self.items)
        pronoun = quantity.text in ("one", "un", "une")
        identifier = quantity.text.isdigit() and len(quantity.text) > LONGEST_BARE
        if (pronoun or identifier) and not alone:
            return False
        percentage = quantity.text == "cent" and self.word(position - 1) == "pour"  # one that lost its number
        return not percentage and self._left_allows(position, quantity) and self._right_allows(position)

    def _linked(self, position: int) -> list[Quantity]:
        """Quantities joined to this one by "to", "or", "-", or "and" after "between"."""
        linked = []
        for other, joint in ((position - 2, position - 1), (position + 2, position + 1)):
            quantity = self.quantity(other)
            if quantity and quantity.values and self._joins(joint):
                linked.append(quantity)
        return linked

    def _joins(self, position: int) -> bool:
        word = self.word(position)
        between = word in self.lexicon.linkers and self.word(position - 2) in self.lexicon.between
        return self.kind(position) == "range" or between or word in self.lexicon.to | self.lexicon.alternatives

    def _breaks(self, position: int) -> bool:
        """`position` is an end of the sentence or a punctuation mark: nothing there governs a number."""
        return self.kind(position) in ("end", "punctuation")

    def anchor(self, position: int) -> int:
        """Where the word stands that governs the number at `position`: left of "about", "only", "a", "the"."""
        position -= 1
        while self.word(position) in self.lexicon.transparent:
            position -= 1
        return position

    def _left_allows(self, position: int, quantity: Quantity) -> bool:  # noqa: PLR0911, PLR0912  a line a kind of neighbour
        at = self.anchor(position)
        if self._breaks(at):
            return self._opening_allows(at, position, quantity)
        if self.kind(position - 1) == "range" or (self._joins(position - 1) and self.quantity(position - 2)):
            return self._left_allows(position - 2, quantity)
        word = self.word(at)
        if not word:
            return False
        lexicon = self.lexicon
        whole = quantity.text.isdigit()
        if whole and (word in lexicon.documents or (word == "no" and self.word(at - 1) in lexicon.identifiers)):
            return False  # "invoice 1002", "account no 100200"
        if self._phrase_ends(at, lexicon.instead_of, lexicon.bounds, lexicon.corrections):
            return True
        if word in lexicon.with_:
            return self.word(at - 1) in lexicon.with_verbs
        if word in lexicon.card_verbs:  # "use 4242"
            return not whole or len(quantity.text) != LAST_FOUR
        if word in lexicon.copulas:
            return self._subject_allows(at)
        if word in lexicon.of:
            return self.word(at - 1) in lexicon.subjects | lexicon.anchors | lexicon.stated
        if word in lexicon.alternatives:  # "half or 50"
            return self.word(at - 1) in lexicon.subjects
        if self._from_to(position) and word == "from":
            return True
        if word in lexicon.to | lexicon.at:
            return self._near(at, lexicon.change_verbs | lexicon.at_verbs)
        if word in lexicon.pronouns and word not in lexicon.starters:
            return self._near(at, (lexicon.anchors - lexicon.pronouns) | lexicon.change_verbs)
        known = (lexicon.anchors, lexicon.change_verbs, lexicon.starters, lexicon.nots, lexicon.between, lexicon.stated)
        return any(word in known_words for known_words in known)

    def _opening_allows(self, at: int, position: int, quantity: Quantity) -> bool:
        """The number begins the sentence, or a clause after the punctuation mark at `at`."""
        whole = all(value == value.to_integral_value() for value in quantity.values)
        if whole and self.word(at + 1) in self.lexicon.definite and at + 1 != position:  # "the 22"
            return False
        if at < 0:
            return True
        lexicon = self.lexicon
        if self.word(at - 1) in MONTHS | lexicon.identifiers:  # "Nov. 6", "account number: 100200"
            return False
        if self.items[at].text == ":":
            return self._subject_allows(at)
        before = self._before(at)
        dated = any(self.word(place) in MONTHS for place in before)  # "Jan 1, 2019"
        if dated or (quantity.text.isdigit() and len(quantity.text) > LAST_FOUR):
            return False
        known = lexicon.anchors | lexicon.starters | lexicon.nots | lexicon.change_verbs
        return any(self.quantity(place) or self.word(place) in known for place in before)

    def _before(self, at: int) -> list[int]:
        """The clause that ends before the punctuation mark at `at`, nearest first."""
        places = []
        for place in range(at - 1, -1, -1):
            if self._breaks(place):
                break
            places.append(place)
        return places

    def _subject_allows(self, at: int) -> bool:
        """ "my pin is 4444" and "the amount is 50": the nouns that are known, going left, decide."""
        if any(self.word(place) in self.lexicon.identifiers for place in self._before(at)[:CLAUSE_REACH]):
            return False
        for position in range(at - 1, max(at - CLAUSE_REACH, -1) - 1, -1):
            if self._breaks(position) or self.word(position) in self.lexicon.starters:
                return position == at - 1
            if self.word(position) in self.lexicon.subjects:
                return True
        return False

    def _near(self, at: int, wanted: frozenset[str]) -> bool:
        return any(self.word(position) in wanted for position in range(at - 1, at - 6, -1))

    def _right_allows(self, position: int) -> bool:  # noqa: PLR0911  a return a kind of neighbour
        after = position + 1
        if self._breaks(after) or self.kind(after) == "range":
            return self.kind(after) != "range" or self._right_allows(after + 1)
        word, lexicon = self.word(after), self.lexicon
        if self._joins(after) and self.quantity(after + 1):
            return self._right_allows(after + 1)
        following = self.quantity(after)
        if following and following.text == "one" and self.word(position - 1) in lexicon.definite:  # "the 152.10 one"
            return self._right_allows(after)
        if not word or word in MONTHS:
            return False
        if word in lexicon.of and word not in lexicon.followers:
            return self.word(after + 1) in lexicon.after_of or self.quantity(after + 1) is not None
        if word == "in" and lexicon.after_in:
            return self.word(after + 1) in lexicon.after_in
        if word in lexicon.copulas:
            return self.word(after + 1) in lexicon.approving
        if word in lexicon.per and word not in lexicon.followers:
            return self.word(after + 1) in lexicon.periods or word.endswith("ly")
        return word in lexicon.followers or word in lexicon.more or word in lexicon.nots

    # What is said about it?

    def _clause(self, position: int) -> list[int]:
        """Positions left of `position`, nearest first, up to the start of its clause."""
        found = []
        for at in range(position - 1, position - 1 - CLAUSE_REACH, -1):
            if self._breaks(at):
                break
            found.append(at)
            if self.word(at) in self.lexicon.starters:
                break
        return found

    def negated(self, position: int) -> bool:
        lexicon = self.lexicon
        at = self.anchor(position)
        if self._phrase_ends(at, lexicon.instead_of):
            return True
        if self.word(at) in lexicon.anchors and self._phrase_ends(at - 1, lexicon.instead_of):  # "instead of paying 50"
            return True
        if self._from_to(position):
            return True
        if self._bound(position):
            return False
        clause = self._clause(position)
        for index, place in enumerate(clause):
            asked = self.word(place - 1) in lexicon.nots_asked_by or self.word(place + 1) in lexicon.nots_asked_of
            if self.word(place) in lexicon.nots and not asked:
                return not any(self.word(between) in lexicon.starters for between in clause[:index])
        return False

    def _from_to(self, position: int) -> bool:
        """The 50 of "change it from 50 to 40"."""
        onward = self.word(position + 1) in self.lexicon.to and self.quantity(position + 2) is not None
        return onward and self._near(position, self.lexicon.change_verbs)

    def _stated(self, position: int) -> bool:
        for place in self._clause(position):
            if self.word(place) in self.lexicon.stated or self._phrase_ends(place, self.lexicon.stated_phrases):
                return True
            if self.word(place) in self.lexicon.anchors:
                return False
        return False

    def _vague(self, position: int) -> bool:
        lexicon, after = self.lexicon, position + 1
        if self._bound(position):
            return True
        if self._ranged(position):
            return True
        word = self.word(after)
        if word in lexicon.of and self.word(after + 1) in lexicon.more:  # "20 de plus"
            return True
        if word in lexicon.more and self.word(after + 1) not in lexicon.per | lexicon.linkers:
            return True
        return word in lexicon.per and self.word(after + 1) in lexicon.periods

    def _ranged(self, position: int) -> bool:
        """ "40-50", "40 to 50", "between 40 and 50", but not "from 40 to 50" after a verb of changing."""
        if self._from_to(position) or self._from_to(position - 2):
            return False
        for other, joint in ((position - 2, position - 1), (position + 2, position + 1)):
            if self.quantity(other) and self._joins(joint) and self.word(joint) not in self.lexicon.alternatives:
                return True
        return False

    def _bound(self, position: int) -> bool:
        at = self.anchor(position)
        if self.word(at) in self.lexicon.to and self._near(at, self.lexicon.change_verbs):  # "bump it up to 65"
            return False
        return self._phrase_ends(at, self.lexicon.bounds) or self._phrase_ends(position - 1, self.lexicon.bounds)

    def _phrase_ends(self, at: int, *tables: Phrases) -> bool:
        """One of the phrases ends with the word at `at`."""
        last = self.word(at)
        return any(
            all(self.word(at - len(phrase) + 1 + index) == word for index, word in enumerate(phrase))
            for table in tables
            for phrase in table.get(last, ())
        )

    def phrase_between(self, start: int, end: int, wanted: Phrases) -> bool:
        """One of `wanted` stands strictly between the two positions."""
        return any(self._phrase_ends(at, wanted) for at in range(start + 1, end))
