namespace Containerd.Images;

/// <summary>Reads manifests and configurations that are in the content store, or are brought there on the way, and chooses among platforms.</summary>
internal sealed class ImageReader(IContentStore content)
{
    private const int MaxDepth = 4;

    /// <summary>Brings the manifest for a platform, or a blob, into the store before it is read.</summary>
    public delegate Task Fetch(Descriptor descriptor, CancellationToken cancellationToken);

    /// <summary>Finds the manifest that fits a platform best, following indexes down.</summary>
    public async Task<(Descriptor Descriptor, ImageManifest Manifest)> FindManifestAsync(
        string name, Descriptor target, Platform platform, Fetch fetch, CancellationToken cancellationToken)
    {
        Descriptor descriptor = target;
        for (int depth = 0; depth < MaxDepth; depth++)
        {
            if (!MediaTypes.IsIndex(descriptor.MediaType) && !MediaTypes.IsManifest(descriptor.MediaType))
                throw new ContainerdException(ErrorKind.NotSupported, $"{Excerpt.Of(name)} is neither an index nor the manifest of an image, but {descriptor}.") { Subject = name };
            await fetch(descriptor, cancellationToken).ConfigureAwait(false);
            byte[] json = await content.ReadAsync(descriptor, ImageManifest.MaxBytes, cancellationToken).ConfigureAwait(false);
            if (MediaTypes.IsManifest(descriptor.MediaType))
                return (descriptor, ImageManifest.Parse(json, descriptor.MediaType));
            descriptor = Choose(name, ImageIndex.Parse(json, descriptor.MediaType), platform);
        }
        throw new ContainerdException(ErrorKind.NotSupported, $"The indexes of {Excerpt.Of(name)} are nested more than {MaxDepth} deep.") { Subject = name };
    }

    /// <summary>Reads the configuration, and checks that it and the manifest are of the same image.</summary>
    public async Task<Image> ReadAsync(
        string name, Descriptor target, Descriptor descriptor, ImageManifest manifest, Platform? platform, CancellationToken cancellationToken)
    {
        ThrowUnlessImage(name, manifest);
        byte[] json = await content.ReadAsync(manifest.Config, ImageConfiguration.MaxBytes, cancellationToken).ConfigureAwait(false);
        ImageConfiguration configuration = ImageConfiguration.Parse(json);
        if (configuration.RootFileSystem.DiffIds.Count != manifest.Layers.Count)
        {
            throw new ContainerdException(
                ErrorKind.DataCorrupted,
                $"The manifest of {Excerpt.Of(name)} has {manifest.Layers.Count} layers, but the configuration names {configuration.RootFileSystem.DiffIds.Count}.")
            { Subject = name };
        }
        if (platform is not null && (configuration.Platform ?? descriptor.Platform) is { } found && platform.FitOf(found) is null)
            throw NoMatch(name, platform, [found]);
        return new Image { Name = name, Target = target, Manifest = descriptor, Layers = manifest.Layers, Configuration = configuration };
    }

    /// <summary>Tells an image from other artifacts before anything large of it is fetched.</summary>
    public static void ThrowUnlessImage(string name, ImageManifest manifest)
    {
        if (!MediaTypes.IsConfig(manifest.Config.MediaType))
        {
            throw new ContainerdException(
                ErrorKind.NotSupported, $"{Excerpt.Of(name)} is no image that can be run, but an artifact of type '{Excerpt.Of(manifest.ArtifactType ?? manifest.Config.MediaType)}'.")
            { Subject = name };
        }
        if (manifest.Layers.FirstOrDefault(layer => !MediaTypes.IsLayer(layer.MediaType)) is { } stranger)
            throw new ContainerdException(ErrorKind.NotSupported, $"{Excerpt.Of(name)} has a layer that is none: {stranger}.") { Subject = name };
    }

    // D-22: what does not say its platform may be anything, and is the last choice.
    private static Descriptor Choose(string name, ImageIndex index, Platform platform)
    {
        Descriptor[] candidates = [.. index.Manifests.Where(manifest => MediaTypes.IsIndex(manifest.MediaType) || MediaTypes.IsManifest(manifest.MediaType))];
        return candidates
            .Select(manifest => (Manifest: manifest, Fit: manifest.Platform is { } its ? platform.FitOf(its) : int.MaxValue))
            .Where(candidate => candidate.Fit is not null)
            .OrderBy(candidate => candidate.Fit)
            .Select(candidate => candidate.Manifest)
            .FirstOrDefault() ?? throw NoMatch(name, platform, [.. candidates.Select(manifest => manifest.Platform).OfType<Platform>()]);
    }

    private static ContainerdException NoMatch(string name, Platform wanted, IReadOnlyList<Platform> found)
    {
        string there = Excerpt.Of(string.Join(", ", found.Where(platform => platform.Os != "unknown").Select(platform => platform.ToString()).Distinct().Take(16)));
        return new ContainerdException(ErrorKind.NotFound, $"{Excerpt.Of(name)} is not there for {wanted}; it is for {(there.Length > 0 ? there : "no platform that is named")}.") { Subject = name };
    }
}
