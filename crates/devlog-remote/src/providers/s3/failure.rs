//! What an answer of an S3 server means: the caller's next move, and whether to try again.

use std::error::Error;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use devlog_core::ports::RemoteError;

use crate::retry::{Again, Failure};

/// Codes by which servers say that we may not.
const DENIED: [&str; 10] = [
    "AccessDenied",
    "AllAccessDisabled",
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
pub(super) fn failure<E>(error: SdkError<E, HttpResponse>, bucket: &str) -> Failure
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
        SdkError::ConstructionFailure(_) | SdkError::DispatchFailure(_) => match no_credentials(&error) {
            Some(why) => Failure::last(RemoteError::Denied(why)),
            None => Failure::soon(offline(error)),
        },
        // Half an answer, which a broken connection leaves behind.
        SdkError::ResponseError(_) => Failure::soon(offline(error)),
        SdkError::ServiceError(_) => {
            answered(Answer { status, code: &code, message: &message, retry_after }, bucket, error)
        }
        _ => Failure::last(other(error)),
    }
}

/// Why a request could not be signed, if that is why it was not sent.
fn no_credentials(error: &(dyn Error + 'static)) -> Option<String> {
    let why = causes(error).find_map(|cause| cause.downcast_ref::<CredentialsError>())?;
    Some(match why {
        CredentialsError::CredentialsNotLoaded(_) => {
            "no AWS credentials were found (environment, profile, SSO, instance role)".to_owned()
        }
        why => {
            let reasons: Vec<String> = causes(why).skip(1).map(ToString::to_string).collect();
            format!("the AWS credentials cannot be used: {}", reasons.join(": "))
        }
    })
}

/// An error and what led to it.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}

/// What a server said.
#[derive(Clone, Copy)]
struct Answer<'a> {
    status: u16,
    code: &'a str,
    message: &'a str,
    retry_after: Option<Duration>,
}

fn answered(answer: Answer<'_>, bucket: &str, error: impl Error + Send + Sync + 'static) -> Failure {
    let Answer { status, code, message, retry_after } = answer;
    match (status, code) {
        (_, "NoSuchBucket") => {
            Failure::last(RemoteError::Unusable(format!("the bucket `{bucket}` does not exist")))
        }
        (301 | 307 | 308, _) | (_, "PermanentRedirect" | "AuthorizationHeaderMalformed") => {
            Failure::last(RemoteError::Unusable(format!(
                "the bucket `{bucket}` is in another region; add ?region=… to the remote's URL"
            )))
        }
        (404, _) => Failure::last(RemoteError::NotFound),
        (412, _) | (_, "PreconditionFailed") => Failure::last(RemoteError::PreconditionFailed),
        // Two conditional writes met; one of them will be told so when it is sent again.
        (409, "ConditionalRequestConflict" | "OperationAborted") => {
            Failure::soon(RemoteError::PreconditionFailed)
        }
        (401 | 403, _) => Failure::last(RemoteError::Denied(reason(code, message))),
        (_, code) if DENIED.contains(&code) => Failure::last(RemoteError::Denied(reason(code, message))),
        (429 | 503, _) | (_, "SlowDown" | "TooManyRequests" | "RequestLimitExceeded") => Failure {
            error: RemoteError::Throttled { retry_after },
            again: retry_after.map_or(Again::Soon, Again::After),
        },
        (408 | 500 | 502 | 504, _) | (_, "InternalError" | "RequestTimeout") => {
            Failure::soon(failed(&answer, error))
        }
        // The answer was cut off or is no S3 answer at all: it says nothing of what was done.
        (200..=299, _) => Failure::soon(failed(&answer, error)),
        _ => Failure::last(failed(&answer, error)),
    }
}

fn reason(code: &str, message: &str) -> String {
    match (code, message) {
        // The answer to a HEAD has no body that could tell.
        ("", _) => "no reason given".to_owned(),
        (code, "") => code.to_owned(),
        (code, message) => format!("{code}: {message}"),
    }
}

fn offline(error: impl Error + Send + Sync + 'static) -> RemoteError {
    RemoteError::Offline(Box::new(error))
}

fn failed(answer: &Answer<'_>, error: impl Error + Send + Sync + 'static) -> RemoteError {
    let Answer { status, code, message, .. } = answer;
    RemoteError::Other {
        message: format!("the server failed ({status}, {})", reason(code, message)),
        source: Some(Box::new(error)),
    }
}

fn other(error: impl Error + Send + Sync + 'static) -> RemoteError {
    RemoteError::Other { message: "the request failed".into(), source: Some(Box::new(error)) }
}

/// `Retry-After` in seconds, the only form that S3 servers send.
fn retry_after(header: Option<&str>) -> Option<Duration> {
    header?.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_s3::operation::put_object::PutObjectError;
    use aws_smithy_runtime_api::client::result::ConnectorError;

    #[test]
    fn missing_credentials_are_a_refusal_and_a_missing_host_is_not() {
        let unsent = |cause: Box<dyn Error + Send + Sync>| {
            let error = SdkError::<PutObjectError, HttpResponse>::dispatch_failure(ConnectorError::other(
                cause, None,
            ));
            failure(error, "log")
        };
        let missing = unsent(CredentialsError::not_loaded("nothing in the chain").into());
        assert!(matches!(missing.error, RemoteError::Denied(_)), "{missing:?}");
        let expired = unsent(CredentialsError::provider_error("the SSO session has expired").into());
        assert!(expired.error.to_string().contains("SSO session has expired"), "{expired:?}");
        assert_eq!(expired.again, Again::No);
        let host = unsent("no route to the identity credential host".into());
        assert!(matches!(host.error, RemoteError::Offline(_)), "{host:?}");
        assert_eq!(host.again, Again::Soon);
    }
}
