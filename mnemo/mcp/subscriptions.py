"""Who wants to be told of what changes, and the telling; and how a modern client asks for it."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, Literal

from attrs import define, field, frozen

from mnemo.mcp import jsonrpc
from mnemo.mcp.errors import invalid_params

SUBSCRIPTION_ID: Final = "io.modelcontextprotocol/subscriptionId"
"""Under this key of C{_meta} a modern notification says which C{subscriptions/listen} it is of."""

URIS: Final = 1000
"""How many resources, and how many tasks, one listener may name."""

URI_LENGTH: Final = 2048
"""Characters of the longest name of one."""

Kind = Literal["tools", "prompts", "resources"]
KINDS: Final[tuple[Kind, ...]] = ("tools", "prompts", "resources")

Tell = Callable[[str, Mapping[str, Any]], None]
"""Takes a notification's method and params."""

_Topic = tuple[str, str]


@frozen
class Wants:
    """
    What a listener wants to be told of.

    @ivar tools: that the list of tools has changed; C{prompts} and C{resources} likewise
    @ivar uris: resources whose content has changed
    @ivar tasks: tasks whose state has changed, by id
    """

    tools: bool = False
    prompts: bool = False
    resources: bool = False
    uris: frozenset[str] = frozenset()
    tasks: frozenset[str] = frozenset()

    @property
    def topics(self) -> set[_Topic]:
        """Each thing that can change, as the index has it."""
        lists = {("list", kind) for kind in KINDS if getattr(self, kind)}
        return lists | {("uri", uri) for uri in self.uris} | {("task", task) for task in self.tasks}


NOTHING: Final = Wants()


@define(eq=False)
class Subscription:
    """One listener, until it is cancelled."""

    _all: "Subscriptions" = field(repr=False)
    tell: Tell = field(repr=False)
    _wants: Wants = field(init=False, default=NOTHING)
    _cancelled: bool = field(init=False, default=False)

    @property
    def wants(self) -> Wants:
        """What it is told of; may be replaced at any time."""
        return self._wants

    @wants.setter
    def wants(self, wants: Wants) -> None:
        if self._cancelled or wants == self._wants:
            return
        before, after = self._wants.topics, wants.topics
        self._wants = wants
        self._all.reindex(self, before - after, after - before)

    def cancel(self) -> None:
        """Tell it nothing any more, not even of what is being told now."""
        self.wants = NOTHING
        self._cancelled = True


def _ignore(defect: BaseException) -> None:
    """Where nobody wants to know of defects."""


@define(eq=False)
class Subscriptions:
    """
    All listeners.

    Each is told once of each change, in the order in which they came. One may be added,
    changed or cancelled while others are told; one that raises does no harm to the others.

    @ivar on_defect: told of what a listener raised
    """

    on_defect: Callable[[BaseException], None] = _ignore
    # Dicts are the sets that keep their order.
    _index: dict[_Topic, dict[Subscription, None]] = field(init=False, factory=dict)

    def add(self, wants: Wants, tell: Tell) -> Subscription:
        """
        Begin to tell somebody.

        @param tell: must only take the message in, and not wait
        """
        subscription = Subscription(self, tell)
        subscription.wants = wants
        return subscription

    def list_changed(self, kind: Kind) -> None:
        """A list has changed."""
        self._tell(("list", kind), f"notifications/{kind}/list_changed", {})

    def resource_updated(self, uri: str) -> None:
        """A resource's content has changed."""
        self._tell(("uri", uri), "notifications/resources/updated", {"uri": uri})

    def task_changed(self, id: str, state: Mapping[str, Any]) -> None:
        """A task's state has changed; C{state} is what C{tasks/get} says of it."""
        self._tell(("task", id), "notifications/tasks", state)

    def wanted(self, uri: str) -> bool:
        """Whether anybody wants to be told of a resource."""
        return ("uri", uri) in self._index

    def reindex(
        self, subscription: Subscription, gone: Collection[_Topic], come: Collection[_Topic]
    ) -> None:
        """What a listener wants has changed. For L{Subscription} alone."""
        for topic in gone:
            listeners = self._index[topic]
            del listeners[subscription]
            if not listeners:
                del self._index[topic]
        for topic in come:
            self._index.setdefault(topic, {})[subscription] = None

    def _tell(self, topic: _Topic, method: str, params: Mapping[str, Any]) -> None:
        for subscription in tuple(self._index.get(topic, ())):
            if subscription not in self._index.get(topic, ()):
                continue
            try:
                subscription.tell(method, params)
            except Exception as defect:
                self.on_defect(defect)


# -- subscriptions/listen


def listened(params: Mapping[str, Any]) -> Wants:
    """
    What the params of a C{subscriptions/listen} ask for. Unknown members mean nothing.

    Raises L{ProtocolError} where they are malformed.
    """
    asked = params.get("notifications")
    if type(asked) is not dict:
        raise invalid_params("subscriptions/listen needs notifications, an object")
    return Wants(
        _flag(asked, "toolsListChanged"),
        _flag(asked, "promptsListChanged"),
        _flag(asked, "resourcesListChanged"),
        _names(asked, "resourceSubscriptions"),
        _names(asked, "taskIds"),
    )


def granted(
    wants: Wants, lists: Collection[Kind], resources: bool = True, tasks: Collection[str] = ()
) -> Wants:
    """
    The part of C{wants} that is supported.

    @param lists: the lists that may change
    @param resources: whether changes of resources are told
    @param tasks: the ids of the tasks that this client may know of
    """
    return Wants(
        wants.tools and "tools" in lists,
        wants.prompts and "prompts" in lists,
        wants.resources and "resources" in lists,
        wants.uris if resources else frozenset(),
        wants.tasks.intersection(tasks),
    )


def acknowledgement(subscription: jsonrpc.Id, wants: Wants) -> dict[str, Any]:
    """The first message of a listen: what will be told."""
    told: dict[str, Any] = {f"{kind}ListChanged": True for kind in KINDS if getattr(wants, kind)}
    if wants.uris:
        told["resourceSubscriptions"] = sorted(wants.uris)
    if wants.tasks:
        told["taskIds"] = sorted(wants.tasks)
    method = "notifications/subscriptions/acknowledged"
    return tagged(subscription, method, {"notifications": told})


def tagged(subscription: jsonrpc.Id, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """
    A notification for the listen it belongs to.

    @param subscription: the id of the request, of whichever type it is
    """
    meta = {**params.get("_meta", {}), SUBSCRIPTION_ID: subscription}
    return {"jsonrpc": "2.0", "method": method, "params": {**params, "_meta": meta}}


def ended(subscription: jsonrpc.Id) -> dict[str, Any]:
    """The result of a listen that ends from this side."""
    return {"resultType": "complete", "_meta": {SUBSCRIPTION_ID: subscription}}


def _flag(asked: Mapping[str, Any], name: str) -> bool:
    flag = asked.get(name, False)
    if type(flag) is not bool:
        raise invalid_params(f"notifications.{name} must be true or false")
    return flag


def _names(asked: Mapping[str, Any], name: str) -> frozenset[str]:
    names = asked.get(name, [])
    if type(names) is not list or len(names) > URIS:
        raise invalid_params(f"notifications.{name} must be an array of at most {URIS} strings")
    for each in names:
        if type(each) is not str or not 0 < len(each) <= URI_LENGTH:
            raise invalid_params(
                f"notifications.{name} must hold strings of 1 to {URI_LENGTH} characters"
            )
    return frozenset(names)
