//! One order: from the account to the certificate.

use std::time::Duration;

use instant_acme::{
    Account, AuthorizationStatus, ChallengeType, Error, Identifier, NewAccount, NewOrder, Order, OrderStatus,
    RetryPolicy,
};
use tokio::time::timeout;
use tracing::{info, warn};

use super::Acme;
use super::failure::{Failure, Reason};

/// The longest that an order may take, all its exchanges and waits included.
const LONGEST: Duration = Duration::from_secs(300);

/// How the state of an order is asked for again: after a moment, then ever more rarely, for a minute.
const POLL: RetryPolicy = RetryPolicy::new()
    .initial_delay(Duration::from_millis(250))
    .backoff(1.5)
    .timeout(Duration::from_secs(60));

/// Gets a certificate for all the names. What comes back is PEM: the key, then the chain.
pub(super) async fn run(acme: &Acme) -> Result<String, Failure> {
    let took_too_long = || {
        let said = format!("the order was not through after {} s", LONGEST.as_secs());
        Failure::new(Reason::Authority, said)
    };
    let done = timeout(LONGEST, place(acme)).await.unwrap_or_else(|_| Err(took_too_long()));
    done.inspect_err(|failure| {
        if failure.reason == Reason::Account {
            acme.store.forget_account();
        }
    })
}

async fn place(acme: &Acme) -> Result<String, Failure> {
    let account = account(acme).await?;
    let names: Vec<Identifier> = acme.domains.iter().cloned().map(Identifier::Dns).collect();
    let mut order = account.new_order(&NewOrder::new(&names)).await?;
    let _offered = prove(acme, &mut order).await?;
    match order.poll_ready(&POLL).await {
        Ok(OrderStatus::Ready) => {}
        Ok(_) => return Err(refusal(&mut order, None).await),
        Err(error @ Error::Api(_)) => return Err(refusal(&mut order, Some(error)).await),
        Err(error) => return Err(error.into()),
    }
    let key = order.finalize().await?;
    Ok(key + &order.poll_certificate(&POLL).await?)
}

/// The account of an earlier run, or a new one.
async fn account(acme: &Acme) -> Result<Account, Failure> {
    let builder = || Account::builder_with_http(Box::new(acme.client.clone()));
    if let Some(credentials) = acme.store.account(&acme.directory) {
        return Ok(builder().from_credentials(credentials).await?);
    }
    let contact = format!("mailto:{}", acme.email);
    let contact = [contact.as_str()];
    let new = NewAccount {
        contact: if acme.email.is_empty() { &[] } else { &contact },
        terms_of_service_agreed: true,
        only_return_existing: false,
    };
    let (account, credentials) = builder().create(&new, acme.directory.clone(), None).await?;
    info!(directory = acme.directory, "acme: there is a new account");
    if let Err(error) = acme.store.keep_account(&credentials) {
        // The certificate is worth more than the account, of which the next start makes another.
        warn!("acme: the account is not kept: {error:#}");
    }
    Ok(account)
}

/// Lays out the answers for all names that are to be proved, and asks the authority to look. The answers stay for as
/// long as what is returned.
async fn prove<'a>(acme: &'a Acme, order: &mut Order) -> Result<super::challenge::Offered<'a>, Failure> {
    let mut offered = acme.challenges.offer();
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        let domain = authorization.identifier().to_string();
        match authorization.status {
            AuthorizationStatus::Pending => {}
            // It was proved a while ago, and the authority remembers.
            AuthorizationStatus::Valid => continue,
            other => {
                let said = format!("the authorization is {other:?} from the start");
                return Err(Failure::new(Reason::Refused, said).about(&domain));
            }
        }
        let mut challenge = authorization.challenge(ChallengeType::Http01).ok_or_else(|| {
            Failure::new(Reason::Refused, "the authority offers no http-01 challenge").about(&domain)
        })?;
        offered.add(&challenge.token, challenge.key_authorization().as_str());
        challenge.set_ready().await.map_err(|error| Failure::from(error).about(&domain))?;
    }
    Ok(offered)
}

/// Why an order was refused: the first name whose proof failed tells more than the order does.
async fn refusal(order: &mut Order, error: Option<Error>) -> Failure {
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let domain = authorization.identifier().to_string();
        let Ok(state) = authorization.refresh().await else { break };
        if let Some(problem) = state.challenges.iter().find_map(|challenge| challenge.error.as_ref()) {
            return Failure::from(problem).about(&domain);
        }
    }
    match error {
        Some(error) => error.into(),
        None => Failure::new(Reason::Refused, "the order became invalid, and the authority does not say why"),
    }
}
