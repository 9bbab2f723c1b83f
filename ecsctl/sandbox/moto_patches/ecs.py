"""Services of moto that make or look up ECS resources do so in the sandbox's ECS, not in moto's own.

CloudFormation creates, updates and deletes them by ECS's API, as on AWS: a template's properties are the API's members,
written in upper case (CloudFormation's resource specification for ``AWS::ECS``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ecsctl.sandbox.ecs.api.wire import service_model
from ecsctl.sandbox.ecs.errors import EcsApiError

if TYPE_CHECKING:
    from ecsctl.sandbox.ecs.engine import Engine

Engines = Callable[[str], "Engine"]
Properties = dict[str, Any]


@dataclass
class StackResource:
    """A resource of a stack, as moto's CloudFormation keeps it: ``physical_resource_id`` is what ``Ref`` gives."""

    physical_resource_id: str
    attributes: dict[str, str]
    properties: Properties = field(default_factory=dict)
    cf_resource_type: str = ""
    logical_resource_id: str = ""

    @property
    def type(self) -> str:
        return self.cf_resource_type

    def is_created(self) -> bool:
        return True

    def get_cfn_attribute(self, name: str) -> str:
        """What ``Fn::GetAtt`` gives."""
        from moto.cloudformation.exceptions import UnformattedGetAttTemplateException

        if name not in self.attributes:
            raise UnformattedGetAttTemplateException
        return self.attributes[name]


def to_members(operation: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """A template's properties as the members of an operation; those that it does not have are left out.

    CloudFormation takes ``"80"`` for 80 and ``"true"`` for true.
    """
    shape = service_model().operation_model(operation).input_shape
    members: dict[str, Any] = _converted(shape, properties)
    return members


def _converted(shape: Any, value: Any) -> Any:
    kind = getattr(shape, "type_name", "")
    if kind == "structure" and isinstance(value, Mapping):
        names = {name.lower(): name for name in shape.members}
        found = ((names.get(key.lower()), item) for key, item in value.items() if item is not None)
        return {name: _converted(shape.members[name], item) for name, item in found if name is not None}
    if kind == "list" and isinstance(value, list):
        return [_converted(shape.member, item) for item in value if item is not None]
    if kind == "map" and isinstance(value, Mapping):
        return {key: _converted(shape.value, item) for key, item in value.items()}
    if kind in ("integer", "long") and isinstance(value, str) and value.lstrip("-").isdigit():
        return int(value)
    if kind in ("float", "double") and isinstance(value, str):
        return float(value)
    if kind == "boolean" and isinstance(value, str):
        return value.lower() == "true"
    if kind == "string" and isinstance(value, int | float):
        return str(value).lower() if isinstance(value, bool) else str(value)
    return value


class ResourceType:
    """How one type of resource is made. A property in ``replaced_by`` cannot be changed: it makes a new resource."""

    name_property = ""
    replaced_by: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()

    def create(self, engine: Engine, name: str, properties: Properties) -> StackResource:
        raise NotImplementedError

    def update(self, engine: Engine, resource: StackResource, properties: Properties) -> StackResource:
        raise NotImplementedError

    def delete(self, engine: Engine, identity: str) -> None:
        raise NotImplementedError


class _Cluster(ResourceType):
    name_property = "ClusterName"
    replaced_by = ("ClusterName",)
    attributes = ("Arn",)

    def _members(self, operation: str, properties: Properties) -> Properties:
        return to_members(operation, {**properties, "Settings": properties.get("ClusterSettings")})

    def create(self, engine: Engine, name: str, properties: Properties) -> StackResource:
        members = {**self._members("CreateCluster", properties), "clusterName": name}
        made = engine.call("CreateCluster", members)["cluster"]
        return StackResource(name, {"Arn": made["clusterArn"]}, properties)

    def update(self, engine: Engine, resource: StackResource, properties: Properties) -> StackResource:
        name = resource.physical_resource_id
        engine.call("UpdateCluster", {**self._members("UpdateCluster", properties), "cluster": name})
        wanted = to_members("PutClusterCapacityProviders", properties)
        if wanted:
            wanted = {"capacityProviders": [], "defaultCapacityProviderStrategy": [], **wanted}
            engine.call("PutClusterCapacityProviders", {**wanted, "cluster": name})
        return StackResource(name, resource.attributes, properties)

    def delete(self, engine: Engine, identity: str) -> None:
        engine.call("DeleteCluster", {"cluster": identity})


class _TaskDefinition(ResourceType):
    name_property = "Family"
    attributes = ("TaskDefinitionArn",)

    def create(self, engine: Engine, name: str, properties: Properties) -> StackResource:
        members = {**to_members("RegisterTaskDefinition", properties), "family": name}
        arn = engine.call("RegisterTaskDefinition", members)["taskDefinition"]["taskDefinitionArn"]
        return StackResource(arn, {"TaskDefinitionArn": arn}, properties)

    def update(self, engine: Engine, resource: StackResource, properties: Properties) -> StackResource:
        # A revision cannot be changed: an update registers the next one.
        family = resource.physical_resource_id.rpartition("/")[2].partition(":")[0]
        return self.create(engine, properties.get("Family") or family, properties)

    def delete(self, engine: Engine, identity: str) -> None:
        engine.call("DeregisterTaskDefinition", {"taskDefinition": identity})


class _Service(ResourceType):
    name_property = "ServiceName"
    replaced_by = ("ServiceName", "Cluster", "LaunchType", "SchedulingStrategy", "Role")
    attributes = ("Name", "ServiceArn")

    def create(self, engine: Engine, name: str, properties: Properties) -> StackResource:
        members = {**self._members("CreateService", properties), "serviceName": name}
        if members.get("schedulingStrategy") != "DAEMON":
            # CloudFormation's own default; the API has none.
            members.setdefault("desiredCount", 1)
        made = engine.call("CreateService", members)["service"]
        return StackResource(made["serviceArn"], {"Name": name, "ServiceArn": made["serviceArn"]}, properties)

    def _members(self, operation: str, properties: Properties) -> Properties:
        return to_members(operation, {**properties, "PlacementStrategy": properties.get("PlacementStrategies")})

    def update(self, engine: Engine, resource: StackResource, properties: Properties) -> StackResource:
        members = self._members("UpdateService", properties)
        members |= {"cluster": _cluster_of(resource.physical_resource_id), "service": resource.attributes["Name"]}
        if properties.get("CapacityProviderStrategy") != resource.properties.get("CapacityProviderStrategy"):
            members["forceNewDeployment"] = True
        engine.call("UpdateService", members)
        return StackResource(resource.physical_resource_id, resource.attributes, properties)

    def delete(self, engine: Engine, identity: str) -> None:
        cluster, name = _cluster_of(identity), identity.rpartition("/")[2]
        engine.call("DeleteService", {"cluster": cluster, "service": name, "force": True})
        # CloudFormation waits until the service is gone; moto deletes a stack within one request.
        engine.end_tasks(cluster, name)


def _cluster_of(service_arn: str) -> str:
    return service_arn.split("/")[-2]


class _CapacityProvider(ResourceType):
    name_property = "Name"
    replaced_by = ("Name",)

    def create(self, engine: Engine, name: str, properties: Properties) -> StackResource:
        members = {**to_members("CreateCapacityProvider", _with_group_arn(engine, properties)), "name": name}
        engine.call("CreateCapacityProvider", members)
        return StackResource(name, {}, properties)

    def update(self, engine: Engine, resource: StackResource, properties: Properties) -> StackResource:
        name = resource.physical_resource_id
        members = to_members("UpdateCapacityProvider", properties)
        engine.call("UpdateCapacityProvider", {**members, "name": name})
        return StackResource(name, {}, properties)

    def delete(self, engine: Engine, identity: str) -> None:
        engine.call("DeleteCapacityProvider", {"capacityProvider": identity})


def _with_group_arn(engine: Engine, properties: Properties) -> Properties:
    """A template may name the Auto Scaling group, which is what ``Ref`` of a group gives; the API wants its ARN."""
    provider = properties.get("AutoScalingGroupProvider")
    if not provider or str(provider.get("AutoScalingGroupArn")).startswith("arn:"):
        return properties
    from moto.autoscaling.models import autoscaling_backends

    store = engine.store
    group = autoscaling_backends[store.account][store.region].autoscaling_groups.get(provider["AutoScalingGroupArn"])
    if group is None:
        return properties
    return {**properties, "AutoScalingGroupProvider": {**provider, "AutoScalingGroupArn": group.arn}}


class _Associations(ResourceType):
    name_property = "Cluster"
    replaced_by = ("Cluster",)

    def create(self, engine: Engine, name: str, properties: Properties) -> StackResource:
        defaults: Properties = {"capacityProviders": [], "defaultCapacityProviderStrategy": []}
        members = to_members("PutClusterCapacityProviders", properties)
        engine.call("PutClusterCapacityProviders", {**defaults, **members, "cluster": name})
        return StackResource(name, {}, properties)

    def update(self, engine: Engine, resource: StackResource, properties: Properties) -> StackResource:
        return self.create(engine, resource.physical_resource_id, properties)

    def delete(self, engine: Engine, identity: str) -> None:
        request = {"cluster": identity, "capacityProviders": [], "defaultCapacityProviderStrategy": []}
        engine.call("PutClusterCapacityProviders", request)


TYPES: dict[str, ResourceType] = {
    "AWS::ECS::Cluster": _Cluster(),
    "AWS::ECS::TaskDefinition": _TaskDefinition(),
    "AWS::ECS::Service": _Service(),
    "AWS::ECS::CapacityProvider": _CapacityProvider(),
    "AWS::ECS::ClusterCapacityProviderAssociations": _Associations(),
}

# moto finds the classes of its resource types by their base class, which does not keep them alive.
_models: list[type] = []


def patch(engines: Engines) -> None:
    """Connect moto's CloudFormation and Application Auto Scaling with the ECS of a region."""
    from moto.applicationautoscaling.exceptions import AWSValidationException
    from moto.applicationautoscaling.models import ApplicationAutoscalingBackend
    from moto.core.common_models import CloudFormationModel
    from moto.ecs import models

    def scalable(self: Any, resource_id: str) -> bool:
        """RegisterScalableTarget refuses a service that ECS does not have."""
        _, cluster, service = resource_id.split("/")
        store = engines(self.region_name).store
        found = store.services.get((cluster, service))
        if found is None or found.status == "INACTIVE":
            raise AWSValidationException(f"ECS service doesn't exist: {resource_id}")
        return True

    ApplicationAutoscalingBackend._ecs_service_exists_for_target = scalable  # type: ignore[assignment,method-assign]

    _roll_back()
    own = {cls.cloudformation_type(): cls for cls in (models.Cluster, models.TaskDefinition, models.Service)}
    for name, kind in TYPES.items():
        model = own.get(name) or type(name.replace(":", ""), (CloudFormationModel,), {"__module__": __name__})
        _connect(model, name, kind, engines)
        _models.append(model)


def _roll_back() -> None:
    """A stack of which ECS refuses a resource fails and is rolled back, with the reason in its events, as on AWS.

    moto answers CreateStack itself with the error, and leaves what was made.
    """
    from moto.cloudformation import models

    original = models.Stack.create_resources

    def create_resources(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            original(self, *args, **kwargs)
        except Exception as error:
            cause, kind = error.__cause__, getattr(error, "resource_type", None)
            if kind is None or not isinstance(cause, EcsApiError):
                raise
            made = self.resource_map._parsed_resources
            resources = self.template_dict["Resources"]
            failed = next(name for name, one in resources.items() if one["Type"] == kind and name not in made)
            message = f'Resource handler returned message: "{cause.code}: {cause.message}"'
            event = models.Event(
                stack_id=self.stack_id,
                stack_name=self.name,
                logical_resource_id=failed,
                physical_resource_id="",
                resource_type=kind,
                resource_status="CREATE_FAILED",
                resource_status_reason=f"{message} (HandlerErrorCode: InvalidRequest)",
                resource_properties=None,
            )
            self.events.append(event)
            reason = f"The following resource(s) failed to create: [{failed}]. Rollback requested by user."
            self._add_stack_event("ROLLBACK_IN_PROGRESS", resource_status_reason=reason)
            self.resource_map.delete()
            self.status = "ROLLBACK_COMPLETE"
            self._add_stack_event("ROLLBACK_COMPLETE")

    models.Stack.create_resources = create_resources  # type: ignore[method-assign]


def _connect(model: Any, type_name: str, kind: ResourceType, engines: Engines) -> None:
    def attempt(action: Callable[[], Any]) -> Any:
        from moto.cloudformation.exceptions import ValidationError

        try:
            return action()
        except EcsApiError as error:
            refusal = ValidationError(message=f"{error.code}: {error.message}")
            refusal.resource_type = type_name  # type: ignore[attr-defined]
            raise refusal from error

    def create(name: str, template: Properties, account: str, region: str, **kwargs: Any) -> StackResource:
        properties = template["Properties"]
        resource: StackResource = attempt(lambda: kind.create(engines(region), name, properties))
        return resource

    def update(
        original_resource: StackResource,
        new_resource_name: str,
        cloudformation_json: Properties,
        account_id: str,
        region_name: str,
    ) -> StackResource:
        engine, properties, known = engines(region_name), cloudformation_json["Properties"], original_resource
        if any(properties.get(name) != known.properties.get(name) for name in kind.replaced_by):
            made: StackResource = attempt(lambda: kind.create(engine, new_resource_name, properties))
            attempt(lambda: kind.delete(engine, known.physical_resource_id))
            return made
        changed: StackResource = attempt(lambda: kind.update(engine, known, properties))
        return changed

    def delete(identity: str, template: Properties, account: str, region: str) -> None:
        attempt(lambda: kind.delete(engines(region), identity))

    model.cloudformation_type = staticmethod(lambda: type_name)
    model.cloudformation_name_type = staticmethod(lambda: kind.name_property)
    model.has_cfn_attr = staticmethod(lambda attr: attr in kind.attributes)
    model.create_from_cloudformation_json = staticmethod(create)
    model.update_from_cloudformation_json = staticmethod(update)
    model.delete_from_cloudformation_json = staticmethod(delete)
