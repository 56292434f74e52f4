using Containerd;
using Containerd.Images;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers Containerd.Images.</summary>
public static class ContainerdImagesServiceCollectionExtensions
{
    /// <summary>
    /// Adds <see cref="ImageService"/> and what it is made of: <see cref="IContentStore"/>, <see cref="IImageStore"/> and <see cref="IRegistry"/>, each unless
    /// something else is registered for it. All are singletons. A registered <see cref="TimeProvider"/> and <see cref="ILoggerFactory"/> are used.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="configure">Sets at least <see cref="ImagesOptions.Root"/>.</param>
    /// <returns><paramref name="services"/>.</returns>
    public static IServiceCollection AddContainerdImages(this IServiceCollection services, Action<ImagesOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        OptionsBuilder<ImagesOptions> options = services.AddOptions<ImagesOptions>();
        options.Configure<IServiceProvider>(static (images, provider) => images.Storage.TimeProvider = provider.GetService<TimeProvider>() ?? TimeProvider.System);
        if (configure is not null)
            options.Configure(configure);
        options.Validate(static images => images.Root.Length > 0, "ImagesOptions.Root is not set: AddContainerdImages(o => o.Root = …).");

        services.TryAddSingleton<IContentStore>(static provider => new ContentStore(Options(provider).Root, Options(provider).Storage));
        services.TryAddSingleton<IImageStore>(static provider => new ImageStore(Options(provider).Root, Options(provider).Storage));
        services.TryAddSingleton<IRegistry>(static provider => new HttpRegistry(
            Options(provider).Registry, provider.GetService<ILoggerFactory>(), provider.GetService<TimeProvider>()));
        services.TryAddSingleton(static provider => new ImageImporter(
            provider.GetRequiredService<IContentStore>(), provider.GetRequiredService<IImageStore>(), timeProvider: provider.GetService<TimeProvider>()));
        services.TryAddSingleton(static provider => new ImageService(
            provider.GetRequiredService<IContentStore>(),
            provider.GetRequiredService<IImageStore>(),
            provider.GetRequiredService<IRegistry>(),
            Options(provider).Service,
            provider.GetService<ILoggerFactory>(),
            provider.GetService<TimeProvider>()));
        return services;
    }

    private static ImagesOptions Options(IServiceProvider provider) => provider.GetRequiredService<IOptions<ImagesOptions>>().Value;
}
