"""Other services of the account that launch instances or make ECS resources: they find the sandbox's own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.sandbox import Running


def _stack(sandbox: Running, resources: dict[str, Any], **rest: Any) -> None:
    sandbox.client("cloudformation").create_stack(
        StackName="app", TemplateBody=json.dumps({"Resources": resources, **rest})
    )


APP = {
    "Web": {"Type": "AWS::ECS::Cluster", "Properties": {"ClusterName": "web"}},
    "Definition": {
        "Type": "AWS::ECS::TaskDefinition",
        "Properties": {
            "Family": "app",
            "ContainerDefinitions": [
                {
                    "Name": "app",
                    "Image": "nginx",
                    "Memory": "64",
                    "Environment": [{"Name": "Mode", "Value": "On"}],
                    "DockerLabels": {"Owner": "Ops"},
                }
            ],
        },
    },
    "Service": {
        "Type": "AWS::ECS::Service",
        "Properties": {"Cluster": {"Ref": "Web"}, "TaskDefinition": {"Ref": "Definition"}, "ServiceName": "app"},
    },
}


def test_cloudformations_ecs_resources_are_in_ecs(sandbox: Running) -> None:
    ecs = sandbox.client("ecs")
    _stack(sandbox, APP, Outputs={"Arn": {"Value": {"Fn::GetAtt": ["Web", "Arn"]}}})

    cluster = ecs.describe_clusters(clusters=["web"])["clusters"][0]
    stack = sandbox.client("cloudformation").describe_stacks(StackName="app")["Stacks"][0]
    assert stack["Outputs"][0]["OutputValue"] == cluster["clusterArn"]
    service = ecs.describe_services(cluster="web", services=["app"])["services"][0]
    assert service["desiredCount"] == 1
    definition = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
    container = definition["containerDefinitions"][0]
    assert container["environment"] == [{"name": "Mode", "value": "On"}]
    assert container["dockerLabels"] == {"Owner": "Ops"}
    assert container["memory"] == 64


def test_a_stack_is_updated_and_deleted_with_what_runs_in_it(sandbox: Running) -> None:
    ecs, cloudformation = sandbox.client("ecs"), sandbox.client("cloudformation")
    _stack(sandbox, APP)
    changed = json.loads(json.dumps(APP))
    changed["Service"]["Properties"]["DesiredCount"] = 3
    cloudformation.update_stack(StackName="app", TemplateBody=json.dumps({"Resources": changed}))
    assert ecs.describe_services(cluster="web", services=["app"])["services"][0]["desiredCount"] == 3

    cloudformation.delete_stack(StackName="app")
    assert ecs.describe_clusters(clusters=["web"])["clusters"][0]["status"] == "INACTIVE"
    assert ecs.list_task_definitions(familyPrefix="app")["taskDefinitionArns"] == []


def test_what_ecs_refuses_a_stack_is_told(sandbox: Running) -> None:
    container = {"Name": "a", "Image": "nginx"}
    definition = {"Type": "AWS::ECS::TaskDefinition", "Properties": {"ContainerDefinitions": [container]}}
    cluster = {"Type": "AWS::ECS::Cluster", "Properties": {"ClusterName": "made"}}
    _stack(sandbox, {"Cluster": cluster, "Definition": definition})
    cloudformation = sandbox.client("cloudformation")
    (stack,) = cloudformation.describe_stacks(StackName="app")["Stacks"]
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    events = cloudformation.describe_stack_events(StackName="app")["StackEvents"]
    (failed,) = [event for event in events if event["ResourceStatus"] == "CREATE_FAILED"]
    assert (failed["LogicalResourceId"], failed["ResourceType"]) == ("Definition", "AWS::ECS::TaskDefinition")
    reason = failed["ResourceStatusReason"]
    assert "ClientException: Invalid setting for container 'a'. At least one of 'memory' or 'memoryRes" in reason
    # What was made before goes again.
    clusters = sandbox.client("ecs").describe_clusters(clusters=["made"])["clusters"]
    assert [row["status"] for row in clusters] in ([], ["INACTIVE"])
    # As on AWS, such a stack can only be deleted.
    cloudformation.delete_stack(StackName="app")
    _stack(sandbox, {"Cluster": cluster})


def test_a_scalable_target_is_a_service_of_this_ecs(sandbox: Running) -> None:
    scaling = sandbox.client("application-autoscaling")
    target = {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount", "MinCapacity": 1}
    with pytest.raises(ClientError, match="ECS service doesn't exist"):
        scaling.register_scalable_target(ResourceId="service/web/app", MaxCapacity=2, **target)
    _stack(sandbox, APP)
    scaling.register_scalable_target(ResourceId="service/web/app", MaxCapacity=2, **target)
    targets = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    assert [row["ResourceId"] for row in targets] == ["service/web/app"]


def test_every_way_of_ec2_to_launch_an_instance_works(sandbox: Running) -> None:
    ec2, image = sandbox.client("ec2"), "ami-12c6146b"
    ec2.request_spot_instances(LaunchSpecification={"ImageId": image, "InstanceType": "t3.small"})
    ec2.create_launch_template(
        LaunchTemplateName="web", LaunchTemplateData={"ImageId": image, "InstanceType": "t3.small"}
    )
    fleet = ec2.create_fleet(
        Type="instant",
        LaunchTemplateConfigs=[{"LaunchTemplateSpecification": {"LaunchTemplateName": "web", "Version": "1"}}],
        TargetCapacitySpecification={"TotalTargetCapacity": 1, "DefaultTargetCapacityType": "on-demand"},
    )
    assert len(fleet["Instances"][0]["InstanceIds"]) == 1
    _stack(sandbox, {"Machine": {"Type": "AWS::EC2::Instance", "Properties": {"ImageId": image}}})
    running = [i for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]]
    assert len(running) == 3


@pytest.mark.parametrize("goes", [True, False])
def test_an_interface_goes_with_its_instance_unless_the_launch_keeps_it(sandbox: Running, goes: bool) -> None:
    ec2 = sandbox.client("ec2")
    interface = {"DeviceIndex": 0, "DeleteOnTermination": goes}
    launched = ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1, NetworkInterfaces=[interface])
    made = launched["Instances"][0]["NetworkInterfaces"][0]
    assert made["Attachment"]["DeleteOnTermination"] is goes
    ec2.terminate_instances(InstanceIds=[launched["Instances"][0]["InstanceId"]])
    left = [row["NetworkInterfaceId"] for row in ec2.describe_network_interfaces()["NetworkInterfaces"]]
    assert (made["NetworkInterfaceId"] in left) is not goes


def test_a_group_without_a_template_is_the_callers_fault(sandbox: Running) -> None:
    with pytest.raises(ClientError, match="Valid requests must contain either launchTemplateId or LaunchTemplateName"):
        sandbox.client("autoscaling").create_auto_scaling_group(
            AutoScalingGroupName="g",
            LaunchTemplate={"Version": "1"},
            MinSize=0,
            MaxSize=1,
            AvailabilityZones=["eu-west-1a"],
        )


def test_service_connect_and_cloud_map_are_one(sandbox: Running) -> None:
    ecs, discovery = sandbox.client("ecs"), sandbox.client("servicediscovery")
    ecs.create_cluster(clusterName="web", serviceConnectDefaults={"namespace": "internal"})
    [namespace] = discovery.list_namespaces()["Namespaces"]
    assert (namespace["Name"], namespace["Type"]) == ("internal", "HTTP")
    port = {"containerPort": 80, "name": "http"}
    container = {"name": "app", "image": "nginx", "memory": 64, "portMappings": [port]}
    ecs.register_task_definition(family="app", containerDefinitions=[container])
    offered = [{"portName": "http", "clientAliases": [{"port": 80}]}]
    service = ecs.create_service(
        cluster="web",
        serviceName="app",
        taskDefinition="app",
        desiredCount=1,
        serviceConnectConfiguration={"enabled": True, "services": offered},
    )["service"]
    [made] = discovery.list_services()["Services"]
    [shown] = service["deployments"][0]["serviceConnectResources"]
    assert shown == {"discoveryName": "http", "discoveryArn": made["Arn"]}


def test_a_reset_ends_what_the_clock_was_ahead(sandbox: Running) -> None:
    sandbox.sandbox.advance(3600)
    assert sandbox.sandbox.status()["clock"]["offset"] > 3500
    sandbox.sandbox.reset()
    assert abs(sandbox.sandbox.status()["clock"]["offset"]) < 60


def test_managed_instances_are_instances_of_ec2(sandbox: Running) -> None:
    ecs, ec2, iam = sandbox.client("ecs"), sandbox.client("ec2"), sandbox.client("iam")
    ecs.create_cluster(clusterName="web")
    iam.create_role(RoleName="ecsInstanceRole", AssumeRolePolicyDocument="{}")
    profile = iam.create_instance_profile(InstanceProfileName="ecsInstanceRole")["InstanceProfile"]["Arn"]
    iam.add_role_to_instance_profile(InstanceProfileName="ecsInstanceRole", RoleName="ecsInstanceRole")
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    ecs.create_capacity_provider(
        name="mi",
        cluster="web",
        managedInstancesProvider={
            "infrastructureRoleArn": "arn:aws:iam::123456789012:role/infrastructure",
            "instanceLaunchTemplate": {
                "ec2InstanceProfileArn": profile,
                "networkConfiguration": {"subnets": [subnet]},
            },
        },
    )
    ecs.register_task_definition(
        family="app",
        requiresCompatibilities=["MANAGED_INSTANCES"],
        networkMode="host",
        cpu="256",
        memory="512",
        containerDefinitions=[{"name": "app", "image": "nginx"}],
    )
    strategy = [{"capacityProvider": "mi", "weight": 1}]
    ecs.create_service(
        cluster="web", serviceName="app", taskDefinition="app", desiredCount=1, capacityProviderStrategy=strategy
    )
    sandbox.sandbox.advance(30)
    assert ecs.describe_services(cluster="web", services=["app"])["services"][0]["runningCount"] == 1
    [host] = ecs.describe_container_instances(
        cluster="web", containerInstances=ecs.list_container_instances(cluster="web")["containerInstanceArns"]
    )["containerInstances"]
    [[instance]] = [
        row["Instances"] for row in ec2.describe_instances(InstanceIds=[host["ec2InstanceId"]])["Reservations"]
    ]
    assert (instance["InstanceType"], instance["SubnetId"]) == ("m5.large", subnet)
    assert instance["PublicIpAddress"].startswith("127.")
    ecs.update_service(cluster="web", service="app", desiredCount=0)
    sandbox.sandbox.advance(120)
    assert ecs.list_container_instances(cluster="web")["containerInstanceArns"] == []
    [[instance]] = [
        row["Instances"] for row in ec2.describe_instances(InstanceIds=[host["ec2InstanceId"]])["Reservations"]
    ]
    assert instance["State"]["Name"] == "terminated"


def test_cloudformation_makes_the_balancers_of_a_service(sandbox: Running) -> None:
    ec2, elb = sandbox.client("ec2"), sandbox.client("elbv2")
    subnets = ec2.describe_subnets()["Subnets"]
    _stack(
        sandbox,
        {
            "Balancer": {
                "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer",
                "Properties": {"Name": "web", "Subnets": [row["SubnetId"] for row in subnets[:2]]},
            },
            "Group": {
                "Type": "AWS::ElasticLoadBalancingV2::TargetGroup",
                "Properties": {"Name": "web", "Port": 80, "Protocol": "HTTP", "VpcId": subnets[0]["VpcId"]},
            },
            "Listener": {
                "Type": "AWS::ElasticLoadBalancingV2::Listener",
                "Properties": {
                    "LoadBalancerArn": {"Ref": "Balancer"},
                    "Port": 80,
                    "Protocol": "HTTP",
                    "DefaultActions": [{"Type": "forward", "TargetGroupArn": {"Ref": "Group"}}],
                },
            },
        },
    )
    [balancer] = elb.describe_load_balancers(Names=["web"])["LoadBalancers"]
    [listener] = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    assert listener["DefaultActions"][0]["TargetGroupArn"].split("/")[1] == "web"
