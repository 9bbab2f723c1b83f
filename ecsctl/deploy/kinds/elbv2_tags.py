"""The tags of the application and network load balancers' API, which come by a call of their own."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ecsctl.aws.session import batches
from ecsctl.deploy.resources import tag_list
from ecsctl.deploy.tags import tags_of
from ecsctl.errors import AwsError

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws

TAGS_A_CALL = 20


def tags_by_arn(aws: Aws, arns: Sequence[str], gone: Collection[str]) -> dict[str, dict[str, str]]:
    """The tags of each ARN (elbv2:DescribeTags); what has gone in the meantime, by the codes ``gone``, is left out."""

    def ask(some: Sequence[str]) -> list[Any]:
        return list(aws.call("elbv2", "DescribeTags", {"ResourceArns": list(some)}).get("TagDescriptions", ()))

    rows: list[Any] = []
    for batch in batches(arns, TAGS_A_CALL):
        try:
            rows += ask(batch)
        except AwsError as error:
            if error.aws_code not in gone:
                raise
            # One was deleted since it was listed: then each by itself.
            for arn in batch:
                try:
                    rows += ask([arn])
                except AwsError as single:
                    if single.aws_code not in gone:
                        raise
    return {str(row["ResourceArn"]): tags_of(row.get("Tags")) for row in rows}


def retag(aws: Aws, arns: Sequence[str], put: Mapping[str, str], drop: Sequence[str], about: str) -> None:
    """Change the tags of all of these (elbv2:AddTags, RemoveTags)."""
    for batch in batches(arns, TAGS_A_CALL):
        if drop:
            aws.call("elbv2", "RemoveTags", {"ResourceArns": list(batch), "TagKeys": list(drop)}, about=about)
        if put:
            aws.call("elbv2", "AddTags", {"ResourceArns": list(batch), "Tags": tag_list(put)}, about=about)
