using Containerd;
using Containerd.Snapshots;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers what Containerd.Snapshots implements.</summary>
public static class ContainerdSnapshotsServiceCollectionExtensions
{
    /// <summary>Adds the snapshotter that <see cref="SnapshotterChoice"/> finds best as <see cref="LocalSnapshotter"/> and <see cref="ISnapshotter"/>, <see cref="LinuxMounter"/> as <see cref="IMounter"/>, <see cref="FileTreeCopier"/> as <see cref="IFileTreeCopier"/>, <see cref="TarLayerApplier"/> as <see cref="ILayerApplier"/> and <see cref="TarLayerDiffer"/> as <see cref="ILayerDiffer"/>, where none is registered yet.</summary>
    /// <remarks>
    /// Singletons. Overlay where it works, else btrfs or native, with the reason logged; a store that exists stays what it is. The store is opened when the snapshotter is first asked for, and closed with the provider. An <see cref="ILoggerFactory"/> and a
    /// <see cref="TimeProvider"/> are used where they are registered. Change how mounts are made with
    /// <c>services.Configure&lt;LinuxMounterOptions&gt;(…)</c>.
    /// </remarks>
    /// <param name="services">The services.</param>
    /// <param name="configure">Sets the options; <see cref="LocalSnapshotterOptions.Root"/> has to be set here or elsewhere.</param>
    /// <returns><paramref name="services"/>.</returns>
    public static IServiceCollection AddContainerdSnapshots(this IServiceCollection services, Action<OverlaySnapshotterOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.AddOptions();
        if (configure is not null)
            services.Configure(configure);
        services.TryAddSingleton<IMounter>(provider => new LinuxMounter(
            provider.GetRequiredService<IOptions<LinuxMounterOptions>>().Value, provider.GetService<TimeProvider>(), provider.GetService<ILoggerFactory>()));
        services.TryAddSingleton(provider => SnapshotterChoice.Open(
            provider.GetRequiredService<IOptions<OverlaySnapshotterOptions>>().Value, provider.GetService<ILoggerFactory>(), provider.GetService<TimeProvider>()));
        services.TryAddSingleton<ISnapshotter>(provider => provider.GetRequiredService<LocalSnapshotter>());
        services.TryAddSingleton<IFileTreeCopier>(provider => new FileTreeCopier(
            provider.GetRequiredService<IOptions<FileTreeCopierOptions>>().Value, provider.GetService<ILoggerFactory>()));
        services.TryAddSingleton<ILayerApplier>(provider => new TarLayerApplier(
            provider.GetRequiredService<IOptions<TarLayerApplierOptions>>().Value, provider.GetRequiredService<IMounter>(), provider.GetService<ILoggerFactory>()));
        services.TryAddSingleton<ILayerDiffer>(provider => new TarLayerDiffer(
            provider.GetRequiredService<IOptions<TarLayerDifferOptions>>().Value, provider.GetRequiredService<IMounter>(), provider.GetService<ILoggerFactory>()));
        return services;
    }
}
