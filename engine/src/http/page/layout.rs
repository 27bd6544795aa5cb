//! What surrounds every page: who, where, which time, and what waits.

use std::sync::Arc;

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use rules::unit::Locale;
use sqlx::PgConnection;

use super::failure::Failure;
use super::show::{self, SeverityTag, Times};
use crate::crm::role::Role;
use crate::http::HttpState;
use crate::http::person::gate::Visitor;
use crate::http::words::{Words, named};
use crate::store::{board, console};

/// Which part of the console a page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Board,
    Review,
    Inbox,
    Rules,
    Campaigns,
    Status,
    Elsewhere,
}

/// Header and language of a page.
#[derive(Clone, Debug)]
pub struct Page {
    pub w: Arc<Words>,
    pub locale: Locale,
    pub part: Part,
    pub role: Option<Role>,
    pub name: String,
    pub role_name: String,
    pub dealer: String,
    pub zone: Tz,
    pub now: DateTime<Utc>,
    /// Set when the engine does not run on the world's time.
    pub clock_note: Option<String>,
    pub unread: i64,
    pub waiting: i64,
}

impl Page {
    /// The page of someone logged in; reads their dealer's counts.
    pub async fn of(conn: &mut PgConnection, state: &HttpState, who: &Visitor, part: Part) -> Result<Self, Failure> {
        let account = &who.account;
        let mut page = Self::bare(state, account.locale, part);
        page.role = Some(account.role);
        page.name.clone_from(&account.display_name);
        named(&page.w.role, account.role.word()).clone_into(&mut page.role_name);
        page.dealer.clone_from(&page.w.nav.all_dealers);
        if let Some(dealer_id) = account.dealer_id
            && let Some(dealer) = console::dealer(conn, dealer_id).await?
        {
            page.dealer = dealer.name;
            page.zone = dealer.timezone.parse().unwrap_or(Tz::UTC);
        }
        if account.role.sees_vehicles() {
            page.unread = console::unread(conn).await?;
            page.waiting = board::waiting_reviews(conn).await?;
        }
        Ok(page)
    }

    /// The page of someone who is not logged in.
    pub fn bare(state: &HttpState, locale: Locale, part: Part) -> Self {
        let w = state.dictionary.of(locale);
        let now = state.clock.now().to_utc();
        let clock_note = state.clock.describe().map(|how| format!("{} · {how}", w.nav.virtual_clock));
        Self {
            w,
            locale,
            part,
            role: None,
            name: String::new(),
            role_name: String::new(),
            dealer: String::new(),
            zone: Tz::Asia__Shanghai,
            now,
            clock_note,
            unread: 0,
            waiting: 0,
        }
    }

    pub fn times(&self) -> Times<'_> {
        Times { words: &self.w.time, zone: self.zone, now: self.now }
    }

    pub fn severity(&self, number: i16) -> SeverityTag {
        show::severity(&self.w, number)
    }

    pub fn is(&self, part: Part) -> bool {
        self.part == part
    }

    pub fn sees_vehicles(&self) -> bool {
        self.role.is_some_and(Role::sees_vehicles)
    }

    /// Dealers' own people need no queue depths.
    pub fn sees_system(&self) -> bool {
        self.role.is_some_and(Role::sees_system)
    }

    pub fn sees_rules(&self) -> bool {
        self.role.is_some_and(Role::sees_rules)
    }

    pub fn sees_campaigns(&self) -> bool {
        self.role.is_some_and(Role::decides_campaigns)
    }

    pub fn clock_text(&self) -> String {
        self.now.with_timezone(&self.zone).format("%Y-%m-%d %H:%M").to_string()
    }

    /// "X and 2 more" counts the others, "X 等 3 项" counts all.
    pub fn counts_all(&self) -> bool {
        self.locale == Locale::ZhCn
    }

    /// The language that the switch switches to.
    pub fn other_locale(&self) -> &'static str {
        match self.locale {
            Locale::ZhCn => Locale::En.tag(),
            Locale::En => Locale::ZhCn.tag(),
        }
    }
}

/// Renders a page.
pub fn html(template: &impl Template) -> Result<Response, Failure> {
    Ok(Html(template.render()?).into_response())
}
