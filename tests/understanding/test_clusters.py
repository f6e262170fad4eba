from random import Random

from twisted.trial.unittest import SynchronousTestCase

from mnemo.understanding.clusters import clusters
from tests.understanding.room import node


class Clusters(SynchronousTestCase):
    def test_what_is_near_is_one_and_what_is_far_is_none(self) -> None:
        near = [node(1, 1, 0, 0), node(2, 1, 0.1, 0), node(3, 1, 0, 0.1)]
        far = [node(4, 0, 1, 0), node(5, 0, 0, 1)]
        (found,) = clusters([*far, *near], 0.8, 3)
        self.assertEqual({each.key for each in found.nodes}, {1, 2, 3})
        self.assertAlmostEqual(float(found.centroid @ found.centroid), 1.0, 5)

    def test_projects_are_apart(self) -> None:
        nodes = [node(n, 1, 0, project="p" if n < 3 else "q") for n in range(1, 6)]
        (found,) = clusters(nodes, 0.8, 3)
        self.assertEqual({each.project for each in found.nodes}, {"q"})

    def test_a_chain_in_which_each_is_a_little_like_the_next_does_not_hold_together(self) -> None:
        chain = [node(n, 1 - n / 10, n / 10) for n in range(11)]
        parts = clusters(chain, 0.9, 3)
        self.assertGreater(len(parts), 0)
        for found in parts:
            for each in found.nodes:
                self.assertGreaterEqual(float(each.vector @ found.centroid), 0.9)
            self.assertLess(len(found.nodes), len(chain))

    def test_no_memory_is_in_two(self) -> None:
        random = Random(2)
        nodes = [node(n, *(random.gauss(0, 1) for _ in range(4))) for n in range(80)]
        found = [each.key for one in clusters(nodes, 0.7, 3) for each in one.nodes]
        self.assertEqual(len(found), len(set(found)))
        self.assertGreater(len(found), 9)

    def test_the_order_they_come_in_does_not_matter(self) -> None:
        random = Random(3)
        nodes = [node(n, *(random.gauss(0, 1) for _ in range(4))) for n in range(40)]
        mixed = random.sample(nodes, len(nodes))
        keys = [[n.key for n in each.nodes] for each in clusters(nodes, 0.7, 3)]
        self.assertGreater(len(keys), 1)
        self.assertEqual([[n.key for n in each.nodes] for each in clusters(mixed, 0.7, 3)], keys)
