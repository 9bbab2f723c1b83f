"""Who owns what of the application and network load balancers' API: its tags come by a call of their own."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from ecsctl.aws.session import batches
from ecsctl.deploy.resources import owner_of
from ecsctl.errors import AwsError

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws

TAGS_A_CALL = 20


def owners_of(aws: Aws, arns: Sequence[str], gone: Collection[str]) -> dict[str, str | None]:
    """The owner of each ARN (elbv2:DescribeTags); what has gone in the meantime, by the codes ``gone``, is left out."""

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
    return {str(row["ResourceArn"]): owner_of(row.get("Tags", ())) for row in rows}
