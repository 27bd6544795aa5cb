//! What a visitor sees when a page cannot be shown.

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use tracing::error;

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
    /// Our fault or the store's.
    Broken(anyhow::Error),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Broken(error.into())
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
