REQUESTS: list[dict] = []
