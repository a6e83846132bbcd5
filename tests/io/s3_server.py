"""A server that is to GDAL what S3 is: it answers requests that are signed with the one key it knows, and no others."""

import hashlib
import hmac
import re
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.slow_source import RangeHandler, RangeServer

KEY, SECRET = "AKIDEXAMPLE", "not-a-secret"


class S3Handler(RangeHandler):
    def refusal(self) -> HTTPStatus | None:
        told = re.fullmatch(
            rf"AWS4-HMAC-SHA256 Credential={KEY}/(\S+), ?SignedHeaders=(\S+), ?Signature=(\S+)",
            self.headers.get("Authorization", ""),
        )
        return None if told and self._signature(told[1], told[2]) == told[3] else HTTPStatus.FORBIDDEN

    def _signature(self, scope: str, names: str) -> str:
        """As the documentation of AWS Signature Version 4 has it, by hand."""
        parts = urlsplit(self.path)
        headers = "".join(f"{n}:{' '.join(self.headers[n].split())}\n" for n in names.split(";"))
        payload = self.headers["x-amz-content-sha256"]
        canonical = "\n".join([self.command, parts.path, parts.query, headers, names, payload])
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        text = "\n".join(["AWS4-HMAC-SHA256", self.headers["x-amz-date"], scope, digest])
        key = f"AWS4{SECRET}".encode()
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


class S3Server(RangeServer):
    """Folders below `folder` are the buckets."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.RequestHandlerClass = S3Handler

    def settings(self) -> dict[str, str]:
        """What the environment must say for GDAL to find it."""
        return {
            "AWS_S3_ENDPOINT": self.url.removeprefix("http://"),
            "AWS_HTTPS": "NO",
            "AWS_VIRTUAL_HOSTING": "FALSE",
            "AWS_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
        }
