//! All programs of a world, made from their specs in one place, which every host uses.

use crate::base::timers::Wakeup;
use crate::broker::Broker;
use crate::cli::ZooKeeperShell;
use crate::client::{AdminProcess, ConsumerProcess, ProducerProcess};
use crate::node::view::AdminView;
use crate::node::{ConfigError, Ctx, Input, Process, ProcessSpec, ProcessView, Program};
use crate::queue::{QueueReceiver, QueueSender, QueueServer};
use crate::zookeeper::ZooKeeperServer;

/// The process of `spec`. One whose configuration cannot be used ends with a failure as soon as it
/// starts, as Kafka's servers do.
pub fn launch(spec: &ProcessSpec) -> Box<dyn Process> {
    fn boxed<P: Process + 'static>(made: Result<P, ConfigError>) -> Box<dyn Process> {
        match made {
            Ok(process) => Box::new(process),
            Err(error) => Box::new(Misconfigured(error)),
        }
    }
    match spec.program {
        Program::ZooKeeper => boxed(ZooKeeperServer::new(spec)),
        Program::Broker => boxed(Broker::new(spec)),
        Program::Producer => boxed(ProducerProcess::new(spec)),
        Program::Consumer => boxed(ConsumerProcess::new(spec)),
        // A command-line tool is an administrator's process with another program in it.
        Program::Admin if spec.properties.get("tool") == Some("zookeeper-shell") => {
            boxed(ZooKeeperShell::new(spec))
        }
        Program::Admin => boxed(AdminProcess::new(spec)),
        Program::Queue => boxed(QueueServer::new(spec)),
        Program::QueueSender => boxed(QueueSender::new(spec)),
        Program::QueueReceiver => boxed(QueueReceiver::new(spec)),
    }
}

/// What is left of a process whose configuration cannot be used.
struct Misconfigured(ConfigError);

impl Process for Misconfigured {
    fn step(&mut self, _: Input, ctx: &mut Ctx<'_>) {
        ctx.exit(true, self.0.to_string());
    }

    fn next_wakeup(&self) -> Option<Wakeup> {
        None
    }

    fn view(&self) -> ProcessView {
        ProcessView::Admin(AdminView { pending: 0, outcomes: vec![Err(self.0.to_string())] })
    }
}
