//! An advisor at the console, over HTTP as a browser would; patient when the engine is away.

use std::time::Duration;

use anyhow::Context;
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use uuid::Uuid;

use super::Premend;

/// Somebody who is logged in.
#[derive(Clone, Debug)]
pub struct Advisor {
    client: Client,
    base: String,
}

/// What a move of an order fills in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filled<'a> {
    pub because: &'a str,
    pub odometer_km: &'a str,
    pub appointment_at: &'a str,
}

impl Advisor {
    /// Logs in with one of the demo's accounts, such as `li` of the first dealer or `anna` of the second.
    pub async fn log_in(premend: &Premend, login: &str) -> anyhow::Result<Self> {
        Self::log_in_for(premend, login, Duration::from_secs(10)).await
    }

    /// Somebody who waits for slow pages as a browser does.
    pub async fn log_in_patiently(premend: &Premend, login: &str) -> anyhow::Result<Self> {
        Self::log_in_for(premend, login, Duration::from_secs(120)).await
    }

    async fn log_in_for(premend: &Premend, login: &str, patience: Duration) -> anyhow::Result<Self> {
        let client = Client::builder().cookie_store(true).redirect(Policy::none()).timeout(patience).build()?;
        let advisor = Self { client, base: premend.url("") };
        let password = engine::seed::demo::DEMO_PASSWORD;
        let answer = advisor.post("/login", &[("login", login), ("password", password)]).await?;
        anyhow::ensure!(answer == StatusCode::SEE_OTHER, "log-in as {login}: {answer}");
        Ok(advisor)
    }

    /// A page as text, with its status.
    pub async fn page(&self, path: &str) -> anyhow::Result<(StatusCode, String)> {
        let answer = self.client.get(format!("{}{path}", self.base)).send().await.with_context(|| path.to_owned())?;
        Ok((answer.status(), answer.text().await?))
    }

    /// Sends a form of the console's own pages.
    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> anyhow::Result<StatusCode> {
        let request = self.client.post(format!("{}{path}", self.base)).header("origin", &self.base).form(form);
        Ok(request.send().await.with_context(|| path.to_owned())?.status())
    }

    /// Sends JSON to the API; the status and what it answers.
    pub async fn send_json(
        &self,
        path: &str,
        body: &serde_json::Value,
    ) -> anyhow::Result<(StatusCode, serde_json::Value)> {
        let request = self.client.post(format!("{}{path}", self.base)).header("origin", &self.base).json(body);
        let answer = request.send().await.with_context(|| path.to_owned())?;
        Ok((answer.status(), answer.json().await?))
    }

    pub async fn accept(&self, case: Uuid) -> anyhow::Result<StatusCode> {
        self.post(&format!("/review/{case}"), &[("answer", "accept")]).await
    }

    pub async fn move_order(
        &self,
        order: Uuid,
        version: i32,
        to: &str,
        filled: Filled<'_>,
    ) -> anyhow::Result<StatusCode> {
        let version = version.to_string();
        let form = [
            ("version", version.as_str()),
            ("to", to),
            ("because", filled.because),
            ("odometer_km", filled.odometer_km),
            ("appointment_at", filled.appointment_at),
        ];
        self.post(&format!("/orders/{order}/move"), &form).await
    }
}
