A question for a time alone ("what did I note today?", "what did we do last week?") is answered by what was remembered then, newest first; before, it found nothing.
