#include "signalbox/application.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <variant>

#include "signalbox/admin/health.hpp"
#include "signalbox/admin/healthcheck.hpp"
#include "signalbox/admin/routes.hpp"
#include "signalbox/api/container.hpp"
#include "signalbox/api/logger.hpp"
#include "signalbox/api/metrics.hpp"
#include "signalbox/api/openapi.hpp"
#include "signalbox/async/run.hpp"
#include "signalbox/command_line/command_line.hpp"
#include "signalbox/db/migrate_command.hpp"
#include "signalbox/db/migration_file.hpp"
#include "signalbox/db/notices.hpp"
#include "signalbox/db/pool.hpp"
#include "signalbox/docs/routes.hpp"
#include "signalbox/http/server/server.hpp"
#include "signalbox/http/watch/telemetry.hpp"
#include "signalbox/observe/database_metrics.hpp"
#include "signalbox/observe/last_words.hpp"
#include "signalbox/observe/log.hpp"
#include "signalbox/observe/metrics.hpp"
#include "signalbox/process/allocator.hpp"
#include "signalbox/process/file_limit.hpp"
#include "signalbox/process/predecessor.hpp"
#include "signalbox/process/reload_counts.hpp"
#include "signalbox/process/standard_streams.hpp"
#include "signalbox/process/stop_deadline.hpp"
#include "signalbox/process/stop_signal.hpp"
#include "signalbox/process/successor.hpp"
#include "signalbox/process/termination_message.hpp"
#include "signalbox/process/unjoined_call.hpp"
#include "signalbox/process/watchdog.hpp"
#include "signalbox/reload.hpp"
#include "signalbox/wiring.hpp"

namespace signalbox {
namespace {

/// For requests of operators that are in flight when another process takes over from this one.
constexpr std::chrono::seconds last_scrapes{5};

/// When a drain is over, which gives its loops two seconds to end what it has cancelled.
constexpr std::chrono::milliseconds longest_turn_of_the_last{1500};

/// For a process that was told to stop before it serves: with the log's last line within a second.
constexpr std::chrono::milliseconds time_to_stop{800};

/// A task that catches its cancellation and goes on is cancelled again at once, for ever, on a loop
/// that nothing else can run on any more: neither `on_shutdown` nor the end of its thread.
void end_if_stuck(const http::Server& api, observe::Log& log) {
    const auto last = api.longest_since_turn();
    if (last.duration < longest_turn_of_the_last) return;
    log.write_fatal(fmt::format(
        "{} does not turn: something on it goes on although it was cancelled, or blocks. Stopped "
        "without on_shutdown",
        last.loop));
    log.close();
    ::_exit(1);
}

int serve(const api::Module& application, const About& about, const config::Config& config,
          const Inheritance& inheritance, const observe::Resource& service, observe::Log& log,
          process::StopSignal& signals, std::optional<process::StopDeadline>& start) {
    observe::Metrics metrics;
    observe::DatabaseMetrics database_metrics(metrics, service.service_name);
    const auto& predecessor = inheritance.predecessor;
    if (predecessor) log.share_output(true);
    db::Notices notices([&log](auto message) {
        log.write(db::is_warning(message) ? config::LogLevel::warning : config::LogLevel::info,
                  message);
    });
    auto pool = pool_options(config, service, log, notices, database_metrics);
    // The others are still the predecessor's, or may be the last that PostgreSQL has for the
    // schema.
    pool.size_at_first = 1;
    db::Pool database(std::move(pool));
    admin::Health health([&database] { return database.reachable(); },
                         [&database] { return pending_migrations(database); });

    process::ReloadCounter reloads(predecessor ? predecessor->reloads() : process::ReloadCounts{});
    http::Telemetry telemetry(metrics, log,
                              {.access_log = config.access_log,
                               .requests = config.observability,
                               .metrics = {.duration_buckets = about.duration_buckets},
                               .secret_parameters = about.secret_parameters,
                               .secret_paths = *http::parse_secret_paths(config.log_secret_paths)});
    const admin::Instance instance{service, health, metrics, telemetry, log};
    add_metrics(metrics, service, health, log, database, config);
    add_metrics(metrics, reloads);
    api::Logger logger(log);
    api::Metrics own_metrics(metrics);
    api::Container container(application);
    container.add(database);
    container.add(logger);
    container.add(own_metrics);
    container.make_services();
    auto api_routes = container.routes();
    if (config.docs) {
        auto documents = docs::routes(
            {.title = about.title,
             .root_path = config.root_path,
             .assets_url = config.docs_assets_url},
            [openapi = api::OpenApi(application.endpoints(), {.title = about.title,
                                                              .version = about.version,
                                                              .description = about.description})](
                auto root_path) { return openapi.below(root_path); });
        docs::refuse_collisions(documents, api_routes);
        append(api_routes, std::move(documents));
    }
    if (config.admin_shares_port()) {
        append(api_routes,
               admin::routes(instance, admin::DebugAccess::loopback, admin_hosts(config)));
    }
    telemetry.expect(api_routes);
    auto options = api_options(config);
    options.middleware = container.middleware();
    http::Server api(std::move(options), std::move(api_routes),
                     [&telemetry](auto& loop) { return telemetry.observe(loop); });
    health.watch([&api] { return api.longest_since_turn(); });
    add_metrics(metrics, api, config);
    std::optional<http::Server> admin;
    if (!config.admin_shares_port()) {
        admin.emplace(admin_options(config),
                      admin::routes(instance, admin::DebugAccess::everyone, admin_hosts(config)));
        if (!predecessor) admin->listen(inheritance.admin_listeners(config, log));
    }

    database.connect(signals.token());
    auto schema = db::prepare_schema(config, log, signals.token());
    database.expect(std::move(schema.migrations), schema.known_applied);
    if (!predecessor) database.allow(config.database_pool_size);
    for (auto& task : container.startup())
        async::run(api.first_loop(), std::move(task), signals.token());
    if (predecessor) {
        // Who asks is answered by both processes for a while, and not to be told that one starts.
        health.set(admin::State::ready);
        if (admin) admin->listen(inheritance.admin_listeners(config, log));
    }
    api.listen(inheritance.api_listeners(config, log));
    start.reset();
    health.set(admin::State::ready);
    log.write(config::LogLevel::info, fmt::format("ready: serving on {}, admin on {}", api.url(),
                                                  admin ? admin->url() : api.url()));
    std::optional<process::PredecessorWatch> watch;
    if (predecessor) {
        signals.hold_reloads();
        // What `make dev` replaces is not reloaded. Counted before anybody can know it.
        if (!predecessor->keeps_sockets()) reloads.took_over();
        predecessor->tell_ready();
        watch.emplace(*predecessor,
                      process::PredecessorWatch::Events{
                          .connection_released = [&database] { database.allow(1); },
                          .gone =
                              [&database, &log, &signals, size = config.database_pool_size] {
                                  log.share_output(false);
                                  database.allow(size);
                                  signals.allow_reloads();
                              }});
    } else {
        tell_service_manager("READY=1", log);
    }

    // After the servers, whose loops it looks at. While the process starts nobody waits for it.
    std::optional<process::Watchdog> watchdog;
    if (inheritance.watchdog) {
        watchdog.emplace(
            *inheritance.watchdog,
            process::Watchdog::Events{
                .alive =
                    [&](process::Watchdog::Duration longest) {
                        return api.longest_since_turn().duration < longest &&
                               (!admin || admin->longest_since_turn().duration < longest);
                    },
                .failed =
                    [&log](const std::system_error& error) {
                        log.write(config::LogLevel::warning, error.what());
                    }});
    }

    Reload reload(inheritance, config, log, signals, reloads, api, admin ? &*admin : nullptr);
    const bool handed_over = reload.wait_until_over();
    const bool sockets_stay = predecessor && predecessor->keeps_sockets();
    if (handed_over) {
        watchdog.reset();  // the manager listens to the main process only, which is now the other
        reload.hand_over();
        database.give_up([successor = reload.successor()] { successor->release_connection(); });
    } else {
        if (!sockets_stay) health.set(admin::State::draining);
        tell_service_manager("STOPPING=1", log);
        log.write(config::LogLevel::info, "draining");
        // Who asks whether the service is ready means the process that has taken over.
        if (sockets_stay && admin) admin->hand_over();
        std::this_thread::sleep_for(config.shutdown_delay);
        // Those who come in its place want them.
        database.close_idle();
    }
    const auto drained = api.drain(config.timeout_graceful_shutdown);
    end_if_stuck(api, log);
    if ((handed_over || sockets_stay) && admin) admin->drain(last_scrapes);
    for (auto& task : container.shutdown())
        async::run(api.first_loop(), std::move(task));
    database.disconnect();
    log.write(config::LogLevel::info, "stopped",
              {{"drained", static_cast<std::int64_t>(drained.answered)},
               {"cancelled", static_cast<std::int64_t>(drained.cancelled)}});
    return drained.cancelled == 0 ? 0 : 1;
}

/// The status that main returns; it is not returned to where what is left of the process must not
/// be destroyed.
int end(bool log_closed, int status) {
    if (!log_closed) ::_exit(status);
    if (process::UnjoinedCall::any()) {
        std::cout.flush();
        ::_exit(status);
    }
    return status;
}

/// Before it serves a process has nothing to drain, and what it waits for may not hear that it is
/// to stop.
void end_in_time(std::optional<process::StopDeadline>& deadline, const process::StopSignal& signals,
                 observe::Log& log) {
    deadline.emplace(signals.token(), time_to_stop, [&log] {
        log.write_fatal(
            "stopped by a signal, without waiting for the database: what it was told to do it may "
            "still do");
        log.close();
    });
}

/// What the machine or its container does not let the process have.
std::string too_few_threads(const config::Config& config) {
    return fmt::format(
        "cannot start another thread: it takes some {}, of which --workers are {} and "
        "--database-pool-size {}; lower these, or allow it more (pids.max of its control group, "
        "ulimit -u)",
        config.workers + config.database_pool_size + 8, config.workers, config.database_pool_size);
}

int serve(const api::Module& application, const About& about,
          const command_line::CommandLine& command_line, const Inheritance& inheritance) {
    const config::Config& config = command_line.config;
    process::give_freed_memory_back();
    process::StopSignal signals;  // before there is any other thread
    process::raise_file_limit();
    const observe::Resource service{about.name, about.version, about.revision};
    observe::prepare_last_words(service, config.log_format);
    observe::Log log(service, config.log_level, config.log_format);
    for (const auto& warning : command_line.warnings)
        log.write(config::LogLevel::warning, warning);
    int status = 1;
    try {
        std::optional<process::StopDeadline> start;
        end_in_time(start, signals, log);
        status = serve(application, about, config, inheritance, service, log, signals, start);
    } catch (const std::system_error& error) {
        log.write_fatal(error.code() == std::errc::resource_unavailable_try_again
                            ? too_few_threads(config)
                            : error.what());
    } catch (const std::exception& error) {
        log.write_fatal(error.what());
    }
    return end(log.close(), status);
}

/// Standard output takes nothing: then the line is for standard error.
void complain_of_output(const About& about, config::LogFormat format) {
    constexpr std::string_view line = "cannot write to standard output";
    if (format == config::LogFormat::text || ::isatty(STDERR_FILENO) == 1) {
        std::cerr << about.name << ": " << line << std::endl;
        return;
    }
    observe::Log({about.name, about.version, about.revision}, config::LogLevel::info, format,
                 STDERR_FILENO)
        .write_fatal(line);
}

int migrate(const About& about, const command_line::CommandLine& command_line) {
    process::StopSignal signals(process::StopSignal::HangUp::stops);
    const config::Config& config = command_line.config;
    // As a log the list is what was asked for, not what is worth telling.
    const auto level = command_line.command == command_line::Command::migrate_status
                           ? std::min(config.log_level, config::LogLevel::info)
                           : config.log_level;
    observe::Log log({about.name, about.version, about.revision}, level, config.log_format);
    for (const auto& warning : command_line.warnings)
        log.write(config::LogLevel::warning, warning);
    int status = 1;
    {
        std::optional<process::StopDeadline> deadline;
        end_in_time(deadline, signals, log);
        status = command_line.command == command_line::Command::migrate
                     ? db::run_migrate(config, log, signals.token())
                     : db::run_migrate_status(config, std::cout, log, signals.token());
    }
    const bool closed = log.close();
    if (status == 0 && log.dropped() > 0) {
        complain_of_output(about, config.log_format);
        status = 1;
    }
    return end(closed, status);
}

void write_fatal(observe::Log& log, std::string_view line) {
    log.write_fatal(line);
}
void write_error(observe::Log& log, std::string_view line) {
    log.write(config::LogLevel::error, line);
}

/// Before there is a log: a line of it all the same, or plain text for who sits at a terminal.
void complain(const About& about, config::LogFormat format, std::string_view line,
              void (*write)(observe::Log&, std::string_view) = write_fatal) {
    if (format != config::LogFormat::text && ::isatty(STDERR_FILENO) != 1) {
        try {
            observe::Log log({about.name, about.version, about.revision}, config::LogLevel::info,
                             format);
            write(log, line);
            return;
        } catch (const std::exception&) {
            // The log has no thread, which may be what it was to tell.
        }
    }
    std::cerr << about.name << ": " << line << std::endl;
}

int run(const api::Module& application, const About& about,
        const command_line::CommandLine& command_line, process::Program program) {
    switch (command_line.command) {
        case command_line::Command::migrate:
        case command_line::Command::migrate_status:
            return migrate(about, command_line);
        case command_line::Command::healthcheck: {
            const auto unwell = admin::run_healthcheck(command_line.config);
            // This process may be another's probe, whose end it does not tell of.
            if (unwell) complain(about, command_line.config.log_format, *unwell, write_error);
            return unwell ? 1 : 0;
        }
        case command_line::Command::serve: {
            const auto inheritance = Inheritance::take(std::move(program), command_line.config);
            if (!inheritance) {
                complain(about, command_line.config.log_format, inheritance.reason());
                return 2;
            }
            try {
                return serve(application, about, command_line, *inheritance);
            } catch (const std::system_error& error) {
                if (error.code() != std::errc::resource_unavailable_try_again) throw;
                throw std::runtime_error(too_few_threads(command_line.config));
            }
        }
    }
    return 2;
}

/// What a command printed is a part of what it was to do.
int with_output_written(const About& about, config::LogFormat format, int status, bool has_output) {
    if (std::cout.flush() && has_output) return status;
    complain_of_output(about, format);
    return status == 0 ? 1 : status;
}

}  // namespace

Application::Application(About about) : about_(std::move(about)) {}

int Application::run(int argc, const char* const* argv) {
    process::report_crashes();
    try {
        const bool has_output = process::prepare_standard_streams();
        const config::Program program{
            .name = about_.name,
            .version = about_.version + (about_.revision.empty() ? "" : " ") + about_.revision,
            .description = about_.title,
            .settings = about_.settings};
        auto started = process::Program::of_this_process(argc, argv);
        const auto parsed =
            command_line::parse(program, argc, argv, command_line::process_environment());
        if (const auto* exit = std::get_if<command_line::EarlyExit>(&parsed)) {
            std::string_view text = exit->text;
            if (exit->status == 0) {
                std::cout << text;
                return with_output_written(about_, exit->log_format, 0, has_output);
            }
            text.remove_prefix(about_.name.size() + 2);
            text.remove_suffix(1);
            complain(about_, exit->log_format, text);
            return exit->status;
        }
        const auto& command_line = std::get<command_line::CommandLine>(parsed);
        // What others do does not depend on who reads of it.
        const bool prints = command_line.command == command_line::Command::migrate_status;
        return with_output_written(about_, command_line.config.log_format,
                                   signalbox::run(*this, about_, command_line, std::move(started)),
                                   has_output || !prints);
    } catch (const std::exception& error) {
        complain(about_, config::LogFormat::json, error.what());
        return 1;
    }
}

}  // namespace signalbox
