import re

from twisted.trial.unittest import SynchronousTestCase

from mnemo.memory.ids import MEMORY, QUERY, random_id


class Ids(SynchronousTestCase):
    def test_an_id_says_what_it_names_in_17_plain_characters(self) -> None:
        self.assertTrue(re.fullmatch("m[a-z2-7]{16}", random_id(MEMORY)))
        self.assertTrue(re.fullmatch("q[a-z2-7]{16}", random_id(QUERY)))

    def test_no_two_are_the_same(self) -> None:
        self.assertEqual(len({random_id(MEMORY) for _ in range(1000)}), 1000)
