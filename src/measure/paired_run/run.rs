//! The comparison of one server, and what becomes of it where a build fails.

use super::super::driver::Driver;
use super::super::pairs::{Compared, Pairing};
use super::super::side_load::both;
use super::super::{Error, Event};
use super::PairedRun;
use crate::model::{BaseFailure, Incident, Sides, Target, chain};

impl Pairing<'_> {
    /// Measures two builds of one server, which have the same cells.
    pub async fn run(
        self,
        sides: &Sides<Target>,
        driver: &mut impl Driver,
    ) -> Result<Compared, Error> {
        let (mut compared, result) = PairedRun::new(self, sides, &mut *driver).run().await;
        let error = match result {
            Ok(()) => return Ok(compared),
            Err(error) => error,
        };
        if !error.is_of_one_server() {
            compared.samples.retain(|sample| !sample.starts.is_empty());
            if compared.samples.is_empty() {
                return Err(error);
            }
            compared.cut = Some(error);
            return Ok(compared);
        }
        driver.stop(&both(sides)).await?;
        Ok(match error {
            Error::Base { source, during } => Compared {
                base_failures: vec![BaseFailure {
                    server: sides.head.name.clone(),
                    endpoint: None,
                    during: during.into(),
                    what: chain(&*source),
                    output: source.output().unwrap_or_default().to_owned(),
                }],
                ..Compared::default()
            },
            error => self.head_failed(&sides.head, &error),
        })
    }

    fn head_failed(self, head: &Target, error: &Error) -> Compared {
        let incident = Incident {
            server: head.name.clone(),
            during: "pairs of rounds".into(),
            what: chain(error),
            output: error.output().unwrap_or_default().to_owned(),
            fatal: true,
        };
        (self.observe)(Event::Incident(&incident));
        Compared {
            incidents: vec![incident],
            ..Compared::default()
        }
    }
}
