#!/bin/sh
# Run a command with the settings of a deployment, found in its stack's outputs:
# sh tools/on_stack.sh dev|prod COMMAND. Needs the AWS CLI with credentials; STACK names another
# stack than trialbook-STAGE.
set -eu

stack="${STACK:-trialbook-$1}"
shift

command -v aws >/dev/null || { echo "on_stack: install the AWS CLI first" >&2; exit 2; }
region="${AWS_REGION:-${AWS_DEFAULT_REGION:-$(aws configure get region || true)}}"
[ -n "$region" ] || { echo "on_stack: set AWS_REGION" >&2; exit 2; }
export AWS_REGION="$region" AWS_DEFAULT_REGION="$region"

output() {
    aws cloudformation describe-stacks --stack-name "$stack" --output text \
        --query "Stacks[0].Outputs[?OutputKey=='$1'].OutputValue"
}

TRIALBOOK_TABLE="$(output TableName)"
TRIALBOOK_BUCKET="$(output BucketName)"
TRIALBOOK_ARRIVALS="$(output ArrivalsUrl)"
TRIALBOOK_UNDELIVERED="$(output UndeliveredUrl)"
TRIALBOOK_VECTOR_BUCKET="$(output VectorBucketName)"
TRIALBOOK_EMBEDDER="$(output EmbedderName)"
export TRIALBOOK_TABLE TRIALBOOK_BUCKET TRIALBOOK_ARRIVALS TRIALBOOK_UNDELIVERED
export TRIALBOOK_VECTOR_BUCKET TRIALBOOK_EMBEDDER
exec "$@"
