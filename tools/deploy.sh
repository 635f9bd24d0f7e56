#!/bin/sh
# Deploy what `make package` wrote: sh tools/deploy.sh dev|prod. Needs the AWS CLI with credentials.
#   STACK         name of the stack (trialbook-STAGE)
#   CODE_BUCKET   bucket for the code, made when missing (trialbook-code-ACCOUNT-REGION)
#   ALARM_EMAIL   who is told when an alarm goes off; unset leaves it as it is deployed, nobody at first
#   VECTOR_BUCKET, EMBEDDER   where and by what artifacts are searched (docs/search.md); likewise
set -eu

stage="$1"
stack="${STACK:-trialbook-$stage}"
build="build/$stage"

command -v aws >/dev/null || { echo "deploy: install the AWS CLI first" >&2; exit 2; }
region="${AWS_REGION:-${AWS_DEFAULT_REGION:-$(aws configure get region || true)}}"
[ -n "$region" ] || { echo "deploy: set AWS_REGION" >&2; exit 2; }
export AWS_REGION="$region" AWS_DEFAULT_REGION="$region"
account="$(aws sts get-caller-identity --query Account --output text)"
bucket="${CODE_BUCKET:-trialbook-code-$account-$region}"

# The owner is compared: a bucket of this name may be somebody else's.
aws s3api head-bucket --bucket "$bucket" --expected-bucket-owner "$account" >/dev/null 2>&1 ||
    aws s3 mb "s3://$bucket"

set -- ${ALARM_EMAIL+"AlarmEmail=$ALARM_EMAIL"} ${VECTOR_BUCKET+"VectorBucket=$VECTOR_BUCKET"} \
    ${EMBEDDER+"Embedder=$EMBEDDER"}
[ $# -eq 0 ] || set -- --parameter-overrides "$@"

aws cloudformation package --template-file "$build/sam.json" --s3-bucket "$bucket" \
    --s3-prefix "$stack" --use-json --output-template-file "$build/packaged.json" >/dev/null
aws cloudformation deploy --template-file "$build/packaged.json" --stack-name "$stack" \
    --s3-bucket "$bucket" --s3-prefix "$stack" --capabilities CAPABILITY_IAM \
    --no-fail-on-empty-changeset "$@"
aws cloudformation describe-stacks --stack-name "$stack" --output text \
    --query 'Stacks[0].Outputs[].[OutputKey, OutputValue]'
