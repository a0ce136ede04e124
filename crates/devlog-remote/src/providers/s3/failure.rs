//! What an answer of an S3 server means: the caller's next move, and whether to try again.

use std::error::Error;
use std::time::Duration;

use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use devlog_core::ports::RemoteError;

use crate::retry::{Again, Failure};

/// Codes by which servers say that we may not.
const DENIED: [&str; 11] = [
    "AccessDenied",
    "AllAccessDisabled",
    "AuthorizationHeaderMalformed",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "MissingSecurityHeader",
    "NotSignedUp",
    "RequestExpired",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
];

/// Sorts an SDK error.
pub(super) fn failure<E>(error: SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let response = error.raw_response();
    let status = response.map_or(0, |response| response.status().as_u16());
    let retry_after = response.and_then(|response| retry_after(response.headers().get("retry-after")));
    let (code, message) = match &error {
        SdkError::ServiceError(service) => (
            service.err().code().unwrap_or_default().to_owned(),
            service.err().message().unwrap_or_default().to_owned(),
        ),
        _ => (String::new(), String::new()),
    };
    match &error {
        SdkError::TimeoutError(_) => Failure::soon(offline(error)),
        SdkError::ConstructionFailure(_) | SdkError::DispatchFailure(_) => unsent(error),
        SdkError::ServiceError(_) | SdkError::ResponseError(_) => {
            answered(status, &code, &message, retry_after, error)
        }
        _ => Failure::last(other(error)),
    }
}

/// A request that never left: credentials that cannot be had, or a host that cannot be reached.
fn unsent<E>(error: SdkError<E, HttpResponse>) -> Failure
where
    E: Error + Send + Sync + 'static,
{
    let text = DisplayErrorContext(&error).to_string();
    if text.contains("CredentialsNotLoaded") || text.contains("credential") || text.contains("identity") {
        let what = "no AWS credentials were found (environment, profile, SSO, instance role)";
        return Failure::last(RemoteError::Denied(what.into()));
    }
    Failure::soon(offline(error))
}

fn answered<E>(
    status: u16,
    code: &str,
    message: &str,
    retry_after: Option<Duration>,
    error: SdkError<E, HttpResponse>,
) -> Failure
where
    E: Error + Send + Sync + 'static,
{
    match (status, code) {
        (_, "NoSuchBucket") => {
            Failure::last(RemoteError::Unusable("the bucket does not exist, or is in another region".into()))
        }
        (301 | 307 | 308, _) | (_, "PermanentRedirect") => Failure::last(RemoteError::Unusable(
            "the bucket is in another region; add ?region=… to the URL".into(),
        )),
        (404, _) => Failure::last(RemoteError::NotFound),
        (412, _) => Failure::last(RemoteError::PreconditionFailed),
        // Two conditional writes met; one of them will be told so when it is sent again.
        (409, "ConditionalRequestConflict" | "OperationAborted") => Failure::soon(other(error)),
        (401 | 403, _) => Failure::last(RemoteError::Denied(reason(code, message))),
        (_, code) if DENIED.contains(&code) => Failure::last(RemoteError::Denied(reason(code, message))),
        (429 | 503, _) | (_, "SlowDown" | "TooManyRequests" | "RequestLimitExceeded") => Failure {
            error: RemoteError::Throttled { retry_after },
            again: retry_after.map_or(Again::Soon, Again::After),
        },
        (408 | 500 | 502 | 504, _) | (_, "InternalError" | "RequestTimeout") => Failure::soon(other(error)),
        // The answer was cut off or is no S3 answer at all: it says nothing of what was done.
        (200..=299, _) => Failure::soon(other(error)),
        _ => Failure::last(other(error)),
    }
}

fn reason(code: &str, message: &str) -> String {
    match (code, message) {
        ("", _) => "the server refuses the request (403)".to_owned(),
        (code, "") => code.to_owned(),
        (code, message) => format!("{code}: {message}"),
    }
}

fn offline(error: impl Error + Send + Sync + 'static) -> RemoteError {
    RemoteError::Offline(Box::new(error))
}

fn other(error: impl Error + Send + Sync + 'static) -> RemoteError {
    RemoteError::Other { message: "the S3 server failed".into(), source: Some(Box::new(error)) }
}

/// `Retry-After` in seconds, the only form that S3 servers send.
fn retry_after(header: Option<&str>) -> Option<Duration> {
    header?.trim().parse().ok().map(Duration::from_secs)
}
