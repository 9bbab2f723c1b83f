"""What listeners of application balancers do with requests: rules, redirects, TLS, one request a connection."""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ecsctl.sandbox.elb.listener_rules import Request, actions_for, parse_head, reply
from ecsctl.sandbox.elb.proxy import HttpForwarder
from tests.sandbox.support import Account, fetch, until

Json = dict[str, Any]


def asked(target: str = "/", method: str = "GET", **headers: str) -> Request:
    return Request(method, target, {name.replace("_", "-"): value for name, value in headers.items()})


def test_the_head_of_a_request() -> None:
    request = parse_head(b"GET /a/b?c=d HTTP/1.1\r\nHost: Shop.Example:8080\r\nX-Who: me\r\n\r\n", "127.0.0.9")
    assert request is not None
    assert (request.host, request.path, request.query) == ("shop.example", "/a/b", "c=d")
    assert (request.headers["x-who"], request.source) == ("me", "127.0.0.9")
    assert parse_head(b"\x16\x03\x01 not http", "127.0.0.1") is None


@pytest.mark.parametrize(
    ("condition", "request_", "fits"),
    [
        ({"Field": "path-pattern", "Values": ["/api/*"]}, asked("/api/v1?x=/no"), True),
        ({"Field": "path-pattern", "Values": ["/api/*"]}, asked("/API/v1"), False),
        ({"Field": "path-pattern", "Values": ["/api/*"]}, asked("/api"), False),
        ({"Field": "path-pattern", "Values": ["/a?c[1]"]}, asked("/abc[1]"), True),
        ({"Field": "path-pattern", "PathPatternConfig": {"Values": ["/x", "/y"]}}, asked("/y"), True),
        ({"Field": "host-header", "Values": ["*.Shop.example"]}, asked(host="api.shop.EXAMPLE:80"), True),
        ({"Field": "host-header", "Values": ["*.shop.example"]}, asked(host="shop.example"), False),
        ({"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["POST"]}}, asked(method="POST"), True),
        ({"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["POST"]}}, asked(), False),
        (
            {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "User-Agent", "Values": ["*chrome*"]}},
            asked(user_agent="Some Chrome/1"),
            True,
        ),
        (
            {"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "v", "Value": "2*"}]}},
            asked("/?v=21"),
            True,
        ),
        (
            {"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "v", "Value": "2*"}]}},
            asked("/?w=2"),
            False,
        ),
        ({"Field": "source-ip", "SourceIpConfig": {"Values": ["127.0.0.0/8"]}}, asked(), True),
        ({"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0/8"]}}, asked(), False),
    ],
)
def test_what_fits_a_condition(condition: Json, request_: Request, fits: bool) -> None:
    rule = {"Priority": "1", "Conditions": [condition], "Actions": ["its"]}
    assert actions_for([rule], ["default"], request_) == (["its"] if fits else ["default"])  # type: ignore[list-item]


def test_the_lowest_priority_that_fits_in_all_its_conditions_counts() -> None:
    def rule(priority: int, *paths: str, host: str = "*") -> Json:
        conditions = [{"Field": "path-pattern", "Values": list(paths)}, {"Field": "host-header", "Values": [host]}]
        return {"Priority": str(priority), "Conditions": conditions, "Actions": [{"Type": str(priority)}]}

    rules = [rule(20, "/*"), rule(100, "/a"), rule(9, "/a", host="other.example")]
    assert actions_for(rules, [], asked("/a", host="shop.example")) == [{"Type": "20"}]
    assert actions_for(rules, [], asked("/a", host="other.example")) == [{"Type": "9"}]


@pytest.mark.parametrize(
    ("config", "location"),
    [
        ({"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}, "https://shop.example/a?b=c"),
        ({"Port": "8443", "Protocol": "HTTPS"}, "https://shop.example:8443/a?b=c"),
        ({"Host": "www.#{host}", "Path": "/new/#{path}", "Query": ""}, "http://www.shop.example/new/a?b=c"),
    ],
)
def test_where_a_redirect_leads(config: Json, location: str) -> None:
    answer = reply({"Type": "redirect", "RedirectConfig": config}, asked("/a?b=c", host="shop.example"), "http", 80)
    assert answer is not None
    head = answer.decode()
    assert head.startswith("HTTP/1.1 301 " if "StatusCode" in config else "HTTP/1.1 302 ")
    assert f"Location: {location}\r\n" in head


class Upstream(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: object) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        told = f"{self.path} {body.decode()} {self.headers['X-Forwarded-For']} {self.headers['X-Forwarded-Proto']}"
        self.send_response(200)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told.encode())


@pytest.fixture(scope="module")
def upstream() -> Iterator[tuple[str, int]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield ("127.0.0.1", server.server_port)
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("secure", [False, True])
def test_each_request_is_decided_by_itself(upstream: tuple[str, int], secure: bool) -> None:
    def decide(request: Request) -> bytes | list[tuple[str, int]]:
        fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404", "MessageBody": "nothing here"}}
        return [upstream] if request.path == "/up" else reply(fixed, request, "http", 80) or b""

    context = None
    if secure:
        from ecsctl.sandbox.elb.tls import Certificates

        context = Certificates("123456789012", "eu-west-1").context("unknown")
    scheme = "https" if secure else "http"
    forwarder = HttpForwarder("127.0.0.1", 0, decide, scheme=scheme, tls=lambda: context)
    try:
        kind: Any = http.client.HTTPConnection
        more: Json = {}
        if secure:
            kind, more = http.client.HTTPSConnection, {"context": ssl._create_unverified_context()}
        connection = kind("127.0.0.1", forwarder.port, timeout=20, **more)
        large = "x" * 300_000
        for path, expected in (("/up", f"/up {large} 127.0.0.1 {scheme}"), ("/down", "nothing here"), ("/up", "/up ")):
            connection.request("POST", path, body=large if path == "/up" else "", headers={"X-Forwarded-Proto": "lie"})
            answer = connection.getresponse()
            text = answer.read().decode()
            assert text.startswith(expected)
            assert answer.status == (200 if path == "/up" else 404)
    finally:
        forwarder.close()


def test_without_a_target_it_is_503() -> None:
    forwarder = HttpForwarder("127.0.0.1", 0, lambda request: [], scheme="http")
    try:
        assert fetch(f"http://127.0.0.1:{forwarder.port}/")[0] == 503
    finally:
        forwarder.close()


def test_a_balancers_listener_follows_its_rules(account: Account, name: str) -> None:
    elbv2 = account.elbv2
    subnets = [row["SubnetId"] for row in account.ec2.describe_subnets()["Subnets"][:2]]
    made = elbv2.create_load_balancer(Name=name, Subnets=subnets)["LoadBalancers"][0]
    fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
    listener = elbv2.create_listener(
        LoadBalancerArn=made["LoadBalancerArn"], Protocol="HTTP", Port=8090, DefaultActions=[fixed]
    )["Listeners"][0]["ListenerArn"]
    address = f"http://{made['DNSName']}:8090"
    until(lambda: fetch(f"{address}/")[0] == 404, "the default action")
    teapot = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200", "MessageBody": "a rule's"}}
    elbv2.create_rule(
        ListenerArn=listener,
        Priority=5,
        Conditions=[{"Field": "path-pattern", "Values": ["/api/*"]}],
        Actions=[teapot],
    )
    assert fetch(f"{address}/api/v1") == (200, "a rule's")
    assert fetch(f"{address}/")[0] == 404
    # Another protocol on the same port is another listener.
    arn = account.acm_certificate("shop.example")
    elbv2.modify_listener(ListenerArn=listener, Protocol="HTTPS", Certificates=[{"CertificateArn": arn}])

    def names() -> list[str]:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(made["DNSName"], 8090, context=context, timeout=5)
        try:
            connection.connect()
            der = connection.sock.getpeercert(binary_form=True)
            connection.request("GET", "/api/v1")
            assert connection.getresponse().read() == b"a rule's"
        except OSError:
            return []
        from cryptography import x509

        found = x509.load_der_x509_certificate(der).extensions.get_extension_for_class(x509.SubjectAlternativeName)
        return found.value.get_values_for_type(x509.DNSName)

    until(lambda: names() == ["shop.example"], "TLS with the certificate of ACM")
    elbv2.delete_load_balancer(LoadBalancerArn=made["LoadBalancerArn"])
