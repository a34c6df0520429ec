#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "signalbox/api/module.hpp"
#include "signalbox/http/middleware.hpp"
#include "signalbox/http/route.hpp"

namespace signalbox::api {

/// A module at work: its services exist, and its endpoints have them.
///
/// Threads: one, until routes() are served; the services are theirs then. Lifetime: outlives the
/// server that is given the routes.
class Container {
  public:
    explicit Container(Module module);
    ~Container();  ///< destroys what it has made, the last first
    Container(const Container&) = delete;
    Container& operator=(const Container&) = delete;

    /// A service that is there already, and outlives this.
    template <class T>
    void add(T& service) {
        services_.insert_or_assign(&detail::type_name<T>, &service);
    }

    /// In place of what the module provides, for tests; before make_services().
    template <class T>
    void replace(T& service) {
        replace(detail::type_name<T>, &service);
    }
    void replace(const TypeName& type, void* service) {
        replaced_.insert_or_assign(&type, service);
    }
    /// In place of a dependency, for tests.
    template <auto function>
    void replace(std::function<async::Task<typename Depends<function>::Value>()> replacement) {
        replace(detail::dependency_name<function>, std::move(replacement));
    }
    /// `replacement` is such a std::function.
    void replace(const DependencyName& dependency, std::any replacement) {
        replacements_.insert_or_assign(&dependency, std::move(replacement));
    }

    /// Throws std::invalid_argument that names what is missing, provided twice, made from itself,
    /// or replaced although nobody takes it; and what a factory throws.
    void make_services();

    std::vector<http::Route> routes() const;
    /// The outermost first, as http::ServerOptions has it.
    std::vector<http::Middleware> middleware() const;

    /// Of the module, to be awaited one after another.
    std::vector<async::Task<>> startup() const;
    std::vector<async::Task<>> shutdown() const;

  private:
    void check_replacements() const;
    void* make(const TypeName& type, const std::string& for_whom);
    std::vector<void*> find(const std::vector<const TypeName*>& types, const std::string& for_whom);

    const Module module_;
    std::map<const TypeName*, void*> services_;
    std::map<const TypeName*, void*> replaced_;
    Replacements replacements_;
    std::vector<std::shared_ptr<void>> made_;
    std::vector<const TypeName*> in_the_making_;

    template <class Row>
    struct Bound {
        const Row* row;
        std::vector<void*> services;
    };
    std::vector<Bound<Endpoint>> endpoints_;
    std::vector<Bound<MiddlewareSource>> middleware_;  ///< the outermost first
    std::vector<Bound<Hook>> startup_;
    std::vector<Bound<Hook>> shutdown_;  ///< the last first
};

}  // namespace signalbox::api
