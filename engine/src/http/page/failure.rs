//! What a visitor sees when a page cannot be shown.

use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use tracing::error;

use crate::act::{ActError, ActRefusal};
use crate::store::person::PersonError;

/// Why there is no page.
#[derive(Debug)]
pub enum Failure {
    /// Nobody is logged in; comes back here afterwards.
    LogIn { next: String },
    /// Not for this role.
    Forbidden,
    /// No such thing, or not this dealer's: the same answer.
    NotFound,
    /// The form is not understood.
    BadForm(String),
    /// Somebody else changed it first; the page is read again.
    Changed { back: String },
    /// Too much is asked for at once: later.
    Busy,
    /// Our fault or the store's.
    Broken(anyhow::Error),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        if is_busy(&error) { Self::Busy } else { Self::Broken(error.into()) }
    }
}

impl Failure {
    /// Of something longer; a store that is busy is not a fault.
    pub fn of(error: anyhow::Error) -> Self {
        let busy = |cause: &(dyn std::error::Error + 'static)| cause.downcast_ref().is_some_and(is_busy);
        if error.chain().any(busy) { Self::Busy } else { Self::Broken(error) }
    }

    /// Of an act that was refused or that broke, for a visitor who then reads `back` again.
    pub fn of_act(error: ActError, back: &str) -> Self {
        let refusal = match error {
            ActError::Refused(refusal) => refusal,
            ActError::Broken(error) => return Self::of(error),
        };
        match refusal {
            ActRefusal::NotAllowed => Self::Forbidden,
            ActRefusal::NotFound => Self::NotFound,
            ActRefusal::Changed | ActRefusal::Order(_) => Self::Changed { back: back.to_owned() },
            ActRefusal::Unusable(what) => Self::BadForm(what.to_owned()),
            ActRefusal::KeyTaken => Self::BadForm("idempotency-key".to_owned()),
        }
    }
}

/// No connection was free, or the server ended a statement that took too long.
fn is_busy(error: &sqlx::Error) -> bool {
    const QUERY_CANCELED: &str = "57014";
    match error {
        sqlx::Error::PoolTimedOut => true,
        sqlx::Error::Database(refusal) => refusal.code().as_deref() == Some(QUERY_CANCELED),
        _ => false,
    }
}

impl From<PersonError> for Failure {
    fn from(error: PersonError) -> Self {
        Self::Broken(error.into())
    }
}

impl From<askama::Error> for Failure {
    fn from(error: askama::Error) -> Self {
        Self::Broken(error.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self {
            Self::LogIn { next } => Redirect::to(&format!("/login?next={}", escaped(&next))).into_response(),
            Self::Changed { back } => Redirect::to(&format!("{back}?changed=1")).into_response(),
            Self::Forbidden => plain(StatusCode::FORBIDDEN, "此账号无权查看 · Not for this account", ""),
            Self::NotFound => plain(StatusCode::NOT_FOUND, "未找到 · Not found here", ""),
            Self::BadForm(what) => {
                plain(StatusCode::UNPROCESSABLE_ENTITY, "表单无法处理 · The form was not understood", &what)
            }
            Self::Busy => {
                let page = plain(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "当前查询较多 · Too much is being looked up right now",
                    "请稍等几秒后刷新页面,数据没有丢失。 · Wait a few seconds and load this page again. Nothing is lost.",
                );
                ([(header::RETRY_AFTER, "5")], page).into_response()
            }
            Self::Broken(error) => {
                error!(error = format!("{error:#}"), "page failed");
                plain(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "暂时无法显示 · This page cannot be shown right now",
                    "请稍后重试 · Please try again in a moment.",
                )
            }
        }
    }
}

fn plain(status: StatusCode, what: &str, more: &str) -> Response {
    let what = super::show::escape(what);
    let more = super::show::escape(more);
    let page = format!(
        "<!doctype html><html lang=\"zh-CN\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>premend</title><link rel=\"stylesheet\" href=\"/assets/premend.css\"><main class=\"lost\">\
         <img src=\"/assets/mark.svg\" alt=\"\" width=\"40\" height=\"40\"><h1>{what}</h1><p>{more}</p>\
         <p><a class=\"button\" href=\"/board\">看板 · Board</a></p></main></html>"
    );
    (status, Html(page)).into_response()
}

/// A path as part of a query.
fn escaped(path: &str) -> String {
    path.replace('%', "%25").replace('?', "%3F").replace('&', "%26").replace('=', "%3D").replace('#', "%23")
}
