"""Reads of ECS and EC2 without botocore's client: an answer before a finger has left the key.

Of what ``locate`` takes with botocore, nine tenths are the imports of botocore and urllib3. So what botocore decides
(endpoint, signing scope, region, where the credentials stand, CA bundle, the wire form of each operation) is recorded
when its client makes a first request, in the user's cache folder, and the next command uses the record: one request
signed by ``sigv4`` over ``http.client``.

The record is of one configuration: it is found by a digest of every environment variable and file that botocore
looks at. And it is for the plain case alone. Credentials that have to be
fetched (those of an assumed role are in a cache), a proxy, a client certificate, an
unknown operation, any answer but HTTP 200, an unreadable body, a lost connection: each is a :class:`Surprise`, and
botocore's own client makes the call, with its retries, its clock correction and its errors. Only reads are asked this
way, so asking again is harmless.
"""

from __future__ import annotations

from ecsctl.aws.fast.client import FastClient, Surprise
from ecsctl.aws.fast.record import record_requests

__all__ = ["FastClient", "Surprise", "record_requests"]
