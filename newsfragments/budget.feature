Everything that returns memories takes `max_tokens` and keeps to it: the best whole, then beginnings, then a line each, then how many more; `check_memory` gives the rest.
