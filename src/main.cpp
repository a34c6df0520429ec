#include "app/routes.hpp"
#include "http/server.hpp"
#include <csignal>
#include <iostream>
#include <unistd.h>
using namespace signalbox;
int main(int argc, char** argv) {
    sigset_t s; sigemptyset(&s); sigaddset(&s, SIGINT); sigaddset(&s, SIGTERM); pthread_sigmask(SIG_BLOCK, &s, nullptr);
    http::Server server({.port = (uint16_t)atoi(argv[1]), .workers = argc > 2 ? (size_t)atoi(argv[2]) : 1}, app::routes(), [](const http::FinishedRequest&) {});
    server.listen();
    std::cout << "ready " << server.port() << std::endl;
    int sig; sigwait(&s, &sig);
    auto d = server.drain(std::chrono::seconds(30));
    std::cout << d.answered << " " << d.cancelled << std::endl;
}
