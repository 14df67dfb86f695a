//! What a service says of its container.

use super::placeholders::Placeholders;
use super::service::Service;
use super::stack::Settings;

pub(super) fn settings(service: &Service, texts: &Placeholders<'_>) -> Settings {
    let mut marks = service.marks.clone();
    marks.extend(service.mounts.iter().map(|it| (it.there.clone(), it.mark)));
    marks.extend(
        service
            .env_files
            .iter()
            .map(|(mark, it)| (it.clone(), *mark)),
    );
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative, and bounded by the number of CPUs"
    )]
    let nano_cpus = service.cpus.map(|it| (it * 1e9) as u64);
    Settings {
        entrypoint: service.entrypoint.clone(),
        command: texts.command(&service.command),
        files: Vec::new(),
        tmpfs: service.tmpfs.clone(),
        user: service.user.clone(),
        working_dir: service.working_dir.clone(),
        memory: service.memory,
        nano_cpus,
        shm_size: service.shm_size,
        mark: service.mark,
        marks,
        refusals: service.refusals.clone(),
    }
}
