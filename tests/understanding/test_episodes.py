from random import Random

from twisted.trial.unittest import SynchronousTestCase

from mnemo.store.understanding import Node
from mnemo.understanding.episodes import GAP, episodes
from tests.understanding.room import node


def keys(nodes: list[Node]) -> list[list[int]]:
    return [[each.key for each in episode] for episode in episodes(nodes)]


class Episodes(SynchronousTestCase):
    def test_what_follows_within_the_hour_on_the_same_topic_is_one(self) -> None:
        nodes = [node(1, 1, 0, created=0), node(2, 1, 0.1, created=GAP), node(3, 1, 0.2, created=9)]
        self.assertEqual(keys(nodes), [[1, 3, 2]])

    def test_an_hour_of_silence_ends_one(self) -> None:
        nodes = [node(1, 1, 0, created=0), node(2, 1, 0, created=GAP + 1)]
        self.assertEqual(keys(nodes), [[1], [2]])

    def test_sessions_and_projects_are_apart_however_close_in_time(self) -> None:
        nodes = [
            node(1, 1, 0, created=1),
            node(2, 1, 0, created=2, session="t"),
            node(3, 1, 0, created=3, project="q"),
            node(4, 1, 0, created=4),
        ]
        self.assertEqual(keys(nodes), [[1, 4], [2], [3]])

    def test_another_topic_is_another_episode(self) -> None:
        nodes = [node(n, 1, 0, created=n) for n in (1, 2)]
        nodes += [node(n, 0, 1, created=n) for n in (3, 4)]
        self.assertEqual(keys(nodes), [[1, 2], [3, 4]])

    def test_one_aside_does_not_end_an_episode(self) -> None:
        nodes = [node(1, 1, 0, created=1), node(2, 0, 1, created=2), node(3, 1, 0, created=3)]
        self.assertEqual(keys(nodes), [[1, 2, 3]])

    def test_the_order_they_come_in_does_not_matter(self) -> None:
        random = Random(1)
        nodes = [
            node(n, random.random(), random.random() - 0.5, created=n * 997) for n in range(30)
        ]
        mixed = random.sample(nodes, len(nodes))
        self.assertEqual(keys(mixed), keys(nodes))
        self.assertEqual(sorted(key for episode in keys(mixed) for key in episode), list(range(30)))

    def test_of_nothing_there_are_none(self) -> None:
        self.assertEqual(episodes([]), [])
