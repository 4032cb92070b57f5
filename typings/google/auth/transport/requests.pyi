from google.auth.transport import Request as _Request

class Request(_Request):
    def __init__(self) -> None: ...
