using Containerd;
using Containerd.Execution;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers Containerd.Execution.</summary>
public static class ContainerdExecutionServiceCollectionExtensions
{
    /// <summary>
    /// Adds a <see cref="ContainerHost"/>, and runc as <see cref="IOciRuntime"/> with its state beneath the host's, unless another runtime has been added. An <see cref="IMounter"/> must be added
    /// by another package, a <see cref="ILoggerFactory"/> and a <see cref="TimeProvider"/> are used where there are any.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="configure">Sets the options; null for the defaults.</param>
    public static IServiceCollection AddContainerdExecution(this IServiceCollection services, Action<ContainerHostOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        OptionsBuilder<ContainerHostOptions> options = services.AddOptions<ContainerHostOptions>();
        if (configure is not null)
            options.Configure(configure);
        services.TryAddSingleton<IOciRuntime>(provider => new OciRuntime(new OciRuntimeOptions
        {
            StateRoot = Path.Join(provider.GetRequiredService<IOptions<ContainerHostOptions>>().Value.StateRoot, "runtime"),
        }));
        services.TryAddSingleton(provider => new ContainerHost(
            provider.GetRequiredService<IOptions<ContainerHostOptions>>().Value,
            provider.GetRequiredService<IOciRuntime>(),
            provider.GetRequiredService<IMounter>(),
            provider.GetService<ILoggerFactory>(),
            provider.GetService<TimeProvider>()));
        return services;
    }
}
