using Containerd;
using Containerd.Network;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers Containerd.Network.</summary>
public static class ContainerdNetworkServiceCollectionExtensions
{
    /// <summary>Adds a <see cref="RouteNetlinkClient"/> for the namespace of this process, its <see cref="NetworkLinks"/>,
    /// <see cref="NetworkAddresses"/> and <see cref="NetworkRoutes"/>, and a <see cref="VethAttacher"/> as
    /// <see cref="INetworkAttacher"/>.</summary>
    /// <remarks>Singletons; what is registered already is kept. No socket is opened before the first request. The client
    /// is only
    /// <see cref="IAsyncDisposable"/>: dispose the provider with <c>await using</c>.</remarks>
    /// <param name="services">Where to register.</param>
    /// <param name="configure">Sets how the attacher connects containers.</param>
    /// <returns><paramref name="services"/>.</returns>
    public static IServiceCollection AddContainerdNetwork(this IServiceCollection services, Action<VethAttacherOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.AddOptions<VethAttacherOptions>();
        if (configure is not null)
            services.Configure(configure);
        services.TryAddSingleton(provider => new RouteNetlinkClient(null, provider.GetService<ILoggerFactory>()));
        services.TryAddSingleton(provider => provider.GetRequiredService<RouteNetlinkClient>().Links);
        services.TryAddSingleton(provider => provider.GetRequiredService<RouteNetlinkClient>().Addresses);
        services.TryAddSingleton(provider => provider.GetRequiredService<RouteNetlinkClient>().Routes);
        services.TryAddSingleton<INetworkAttacher>(provider => new VethAttacher(
            provider.GetRequiredService<RouteNetlinkClient>(),
            provider.GetRequiredService<IOptions<VethAttacherOptions>>().Value,
            provider.GetService<ILoggerFactory>()));
        return services;
    }
}
