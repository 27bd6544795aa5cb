//! The console's own files, embedded, with an ETag each. There is no build step and no other origin.

use std::fmt::Write as _;

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

struct Asset {
    name: &'static str,
    media_type: &'static str,
    body: &'static str,
}

const ASSETS: &[Asset] = &[
    Asset {
        name: "premend.css",
        media_type: "text/css; charset=utf-8",
        body: include_str!("../../../assets/premend.css"),
    },
    Asset {
        name: "premend.js",
        media_type: "text/javascript; charset=utf-8",
        body: include_str!("../../../assets/premend.js"),
    },
    Asset { name: "mark.svg", media_type: "image/svg+xml", body: include_str!("../../../assets/mark.svg") },
];

/// `GET /assets/{name}`: the file, or 304 if the browser has it.
pub async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let tag = etag(asset.body);
    let cached = [(header::ETAG, tag.clone()), (header::CACHE_CONTROL, "public, no-cache".to_owned())];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|seen| seen.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, cached).into_response();
    }
    (cached, [(header::CONTENT_TYPE, asset.media_type)], asset.body).into_response()
}

fn etag(body: &str) -> String {
    let mut tag = String::from("W/\"");
    for byte in &Sha256::digest(body.as_bytes())[..8] {
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sends_a_file_once_and_then_its_tag() {
        let first = asset(Path("premend.css".to_owned()), HeaderMap::new()).await;
        assert_eq!(first.status(), StatusCode::OK);
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_NONE_MATCH, first.headers()[header::ETAG].clone());
        let second = asset(Path("premend.css".to_owned()), headers).await;
        assert_eq!(second.status(), StatusCode::NOT_MODIFIED);
    }

    #[tokio::test]
    async fn has_nothing_but_its_own_files() {
        let response = asset(Path("../Cargo.toml".to_owned()), HeaderMap::new()).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
    }
}
