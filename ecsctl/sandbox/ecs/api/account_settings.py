"""Account settings: PutAccountSetting and its kin."""

from __future__ import annotations

from ecsctl.sandbox.ecs.api.paging import listing, page
from ecsctl.sandbox.ecs.errors import invalid
from ecsctl.sandbox.ecs.region import Region, Request, Response, operation

_DEFAULTS = {
    "serviceLongArnFormat": "enabled",
    "taskLongArnFormat": "enabled",
    "containerInstanceLongArnFormat": "enabled",
    "awsvpcTrunking": "disabled",
    "containerInsights": "disabled",
    "fargateFIPSMode": "disabled",
    "tagResourceAuthorization": "on",
    "fargateTaskRetirementWaitPeriod": "7",
    "guardDutyActivate": "off",
    "defaultLogDriverMode": "non-blocking",
    "fargateEventWindows": "disabled",
}

_SWITCH = ("enabled", "disabled")
_ALLOWED = {
    "containerInsights": ("enabled", "disabled", "enhanced"),
    "tagResourceAuthorization": ("on", "off"),
    "fargateTaskRetirementWaitPeriod": ("0", "7", "14"),
    "guardDutyActivate": ("on", "off"),
    "defaultLogDriverMode": ("blocking", "non-blocking"),
}

_DEFAULT_PRINCIPAL = ""


def _root(region: Region) -> str:
    return f"arn:{region.store.partition}:iam::{region.store.account}:root"


def effective(region: Region, name: str, principal: str | None = None) -> str:
    """The value of a setting for a principal (an ARN): its own, else the account's, else the service's default."""
    settings = region.store.account_settings
    own = settings.get((principal or _root(region), name))
    return own or settings.get((_DEFAULT_PRINCIPAL, name)) or _DEFAULTS[name]


def _setting(region: Region, name: str, value: str, principal: str) -> Response:
    kind = "aws_managed" if name == "guardDutyActivate" else "user"
    return {"name": name, "value": value, "principalArn": principal or _root(region), "type": kind}


def _checked(name: str, value: str) -> str:
    if name == "guardDutyActivate":
        raise invalid("The guardDutyActivate account setting is managed by AWS and cannot be changed.")
    if value not in _ALLOWED.get(name, _SWITCH):
        raise invalid(f"The value {value} is not valid for the account setting {name}.")
    return value


@operation("PutAccountSetting")
def put_account_setting(region: Region, request: Request) -> Response:
    """PutAccountSetting: of one principal (the account's root where none is named)."""
    name, value = request["name"], _checked(request["name"], request["value"])
    principal = request.get("principalArn") or _root(region)
    region.store.account_settings[principal, name] = value
    return {"setting": _setting(region, name, value, principal)}


@operation("PutAccountSettingDefault")
def put_account_setting_default(region: Region, request: Request) -> Response:
    """PutAccountSettingDefault: of every principal that has no setting of its own."""
    name, value = request["name"], _checked(request["name"], request["value"])
    region.store.account_settings[_DEFAULT_PRINCIPAL, name] = value
    return {"setting": _setting(region, name, value, _root(region))}


@operation("DeleteAccountSetting")
def delete_account_setting(region: Region, request: Request) -> Response:
    """DeleteAccountSetting: back to the account's default."""
    name = request["name"]
    principal = request.get("principalArn") or _root(region)
    region.store.account_settings.pop((principal, name), None)
    return {"setting": _setting(region, name, effective(region, name, principal), principal)}


@operation("ListAccountSettings")
def list_account_settings(region: Region, request: Request) -> Response:
    """ListAccountSettings: those that were put, or with ``effectiveSettings`` all as they hold."""
    principal = request.get("principalArn") or _root(region)
    name, value = request.get("name"), request.get("value")
    if value and not name:
        raise invalid("You must specify a setting name to filter by value.")
    if request.get("effectiveSettings"):
        found = {each: effective(region, each, principal) for each in _DEFAULTS}
    else:
        stored = region.store.account_settings
        found = {each: v for (who, each), v in stored.items() if who == principal}
    names = sorted(each for each in found if name in (None, each) and value in (None, found[each]))
    chosen, token = page(request, names, default=100, limit=100)
    return listing("settings", [_setting(region, each, found[each], principal) for each in chosen], token)
