"""The models for every program of the machine, by the API that most of them speak: OpenAI's."""
