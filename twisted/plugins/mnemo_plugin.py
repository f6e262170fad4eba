"""C{twistd mnemo}: names the service by string, so that other plugins pay nothing for it."""

from twisted.application.service import ServiceMaker

mnemo = ServiceMaker(
    "mnemo", "mnemo.tap", "One memory, one model, every coding agent on the machine.", "mnemo"
)
