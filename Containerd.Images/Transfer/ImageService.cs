using System.Diagnostics;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Containerd.Images;

/// <summary>Images, from a registry or an archive to snapshots: pull, import, unpack, look up, remove.</summary>
/// <remarks>
/// <para>Composes a content store, an image store and a registry, of which each can be replaced; unpacking works with any snapshotter and layer applier.</para>
/// <para>Several processes, and several calls in one, may do the same at once: content that somebody is transferring, or a layer that somebody is extracting, is waited for
/// and then used (<see cref="TransferPhase.Waiting"/>).</para>
/// <para>A call that fails or is cancelled leaves whole, verified content, ingests that the next call resumes, and committed layers; never a name, never an active snapshot. A process
/// that is killed while it extracts leaves, besides, for each layer that it had in hand a snapshot whose key begins with <c>extract-</c>; the next extraction of that layer, on top of the
/// same ones, with the same content store removes it.</para>
/// <para>Thread-safe. The stores and the registry are their creator's to dispose.</para>
/// <example>
/// <code>
/// using var content = new ContentStore("/var/lib/app/images");
/// using var names = new ImageStore("/var/lib/app/images");
/// using var registry = new HttpRegistry();
/// using var images = new ImageService(content, names, registry);
/// Image image = await images.PullAsync("docker.io/library/alpine:3.22", cancellationToken: ct);
/// string parent = await images.UnpackAsync(image, snapshotter, applier, cancellationToken: ct);
/// </code>
/// </example>
/// </remarks>
public sealed partial class ImageService : IDisposable
{
    private readonly IContentStore _content;
    private readonly IImageStore _images;
    private readonly IRegistry _registry;
    private readonly SemaphoreSlim _transfers;
    private readonly ILogger _logger;
    private readonly TimeProvider _timeProvider;
    private readonly ContentTransfer _transfer;
    private readonly ImageReader _reader;
    private readonly ImageUnpacker _unpacker;
    private readonly ImageImporter _importer;

    /// <summary>Composes a service.</summary>
    /// <param name="content">Where content is kept.</param>
    /// <param name="images">Where names are kept.</param>
    /// <param name="registry">Where images are pulled from.</param>
    /// <param name="options">How to work; null for the defaults.</param>
    /// <param name="loggerFactory">Where to log; null for nowhere.</param>
    /// <param name="timeProvider">The clock; null for the system's.</param>
    public ImageService(
        IContentStore content,
        IImageStore images,
        IRegistry registry,
        ImageServiceOptions? options = null,
        ILoggerFactory? loggerFactory = null,
        TimeProvider? timeProvider = null)
    {
        ArgumentNullException.ThrowIfNull(content);
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(registry);
        (_content, _images, _registry) = (content, images, registry);
        options ??= new ImageServiceOptions();
        _transfers = new SemaphoreSlim(options.MaxConcurrentTransfers);
        _logger = (loggerFactory ?? NullLoggerFactory.Instance).CreateLogger<ImageService>();
        _timeProvider = timeProvider ?? TimeProvider.System;
        _transfer = new ContentTransfer(content, _timeProvider);
        _reader = new ImageReader(content);
        _unpacker = new ImageUnpacker(content, new ExtractionPlaces(options.MaxConcurrentExtractions), _timeProvider);
        _importer = new ImageImporter(content, images, timeProvider: _timeProvider);
    }

    /// <summary>Pulls an image.</summary>
    /// <param name="reference">The full reference, with a tag or a digest: <c>docker.io/library/alpine:3.22</c>.</param>
    /// <param name="options">Platform and unpacking; null for the defaults.</param>
    /// <param name="progress">Told of everything that is transferred.</param>
    /// <param name="cancellationToken">Stops the pull.</param>
    /// <returns>The image, under the name of the reference as it was given.</returns>
    /// <exception cref="FormatException">Not a full reference.</exception>
    /// <exception cref="ContainerdException">As the other overload.</exception>
    public Task<Image> PullAsync(
        string reference, ImagePullOptions? options = null, IProgress<TransferProgress>? progress = null, CancellationToken cancellationToken = default) =>
        PullAsync(ImageReference.Parse(reference), options, progress, cancellationToken);

    /// <summary>Pulls an image.</summary>
    /// <param name="reference">The reference, with a tag or a digest.</param>
    /// <param name="options">Platform and unpacking; null for the defaults.</param>
    /// <param name="progress">Told of everything that is transferred.</param>
    /// <param name="cancellationToken">Stops the pull.</param>
    /// <returns>The image, under the name of the reference as it was given.</returns>
    /// <remarks>
    /// What the content store has already is not fetched. The name is made, or moved from an older image, last: when everything is there, and unpacked where that was asked for.
    /// </remarks>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: no such image, or not for this platform. -or-
    /// <see cref="ErrorKind.NotSupported"/>: not an image, but another artifact, or an obsolete manifest. -or-
    /// <see cref="ErrorKind.DataCorrupted"/>: manifest, configuration and layers do not fit together, or could be read in two ways. -or-
    /// what <see cref="IRegistry.ResolveAsync"/>, <see cref="IRegistry.FetchAsync"/>, <see cref="IContentWriter.CommitAsync"/> and <see cref="UnpackAsync"/> throw.</exception>
    public async Task<Image> PullAsync(
        ImageReference reference, ImagePullOptions? options = null, IProgress<TransferProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(reference);
        options ??= new ImagePullOptions();
        string name = reference.ToString();
        long started = _timeProvider.GetTimestamp();
        string outcome = "failed";
        using Activity? activity = ImagesTelemetry.Source.StartActivity("containerd.images.pull");
        activity?.SetTag("containerd.image.name", name);
        try
        {
            Descriptor target = await ResolveAsync(reference, progress, cancellationToken).ConfigureAwait(false);
            Image image = await PullAsync(reference, name, target, options, progress, cancellationToken).ConfigureAwait(false);
            await ImageNaming.SetAsync(_images, name, target, mayReplace: true, cancellationToken).ConfigureAwait(false);
            outcome = "pulled";
            LogPulled(_logger, name, target.Digest, _timeProvider.GetElapsedTime(started).TotalSeconds);
            return image;
        }
        catch (OperationCanceledException)
        {
            outcome = "cancelled";
            throw;
        }
        finally
        {
            activity?.SetStatus(outcome == "failed" ? ActivityStatusCode.Error : ActivityStatusCode.Ok);
            var tags = new TagList { { "server.address", reference.Registry }, { "outcome", outcome } };
            ImagesTelemetry.Pulls.Add(1, tags);
            ImagesTelemetry.PullDuration.Record(_timeProvider.GetElapsedTime(started).TotalSeconds, tags);
        }
    }

    /// <summary>Imports an archive of images; see <see cref="ImageImporter"/>.</summary>
    /// <param name="archive">The archive: a readable, seekable stream at its start. Not disposed.</param>
    /// <param name="options">Names; null for those of the archive.</param>
    /// <param name="progress">Told of each blob.</param>
    /// <param name="cancellationToken">Stops the import.</param>
    /// <returns>The images that were named.</returns>
    /// <exception cref="ContainerdException">As <see cref="ImageImporter.ImportAsync(Stream, ImageImportOptions?, IProgress{TransferProgress}?, CancellationToken)"/>.</exception>
    public Task<IReadOnlyList<ImageRecord>> ImportAsync(
        Stream archive, ImageImportOptions? options = null, IProgress<TransferProgress>? progress = null, CancellationToken cancellationToken = default) =>
        _importer.ImportAsync(archive, options, progress, cancellationToken);

    /// <summary>Imports a directory that is an OCI image layout; see <see cref="ImageImporter"/>.</summary>
    /// <param name="directory">The directory.</param>
    /// <param name="options">Names; null for those of the layout.</param>
    /// <param name="progress">Told of each blob.</param>
    /// <param name="cancellationToken">Stops the import.</param>
    /// <returns>The images that were named.</returns>
    /// <exception cref="ContainerdException">As <see cref="ImageImporter.ImportAsync(string, ImageImportOptions?, IProgress{TransferProgress}?, CancellationToken)"/>.</exception>
    public Task<IReadOnlyList<ImageRecord>> ImportAsync(
        string directory, ImageImportOptions? options = null, IProgress<TransferProgress>? progress = null, CancellationToken cancellationToken = default) =>
        _importer.ImportAsync(directory, options, progress, cancellationToken);

    /// <summary>Unpacks an image: every layer becomes a committed snapshot on top of the one beneath, named by its chain ID. What is there already is used.</summary>
    /// <remarks>
    /// Where the snapshotter can put a layer onto its parent afterwards (<see cref="SnapshotterCapabilities.Rebase"/>), layers are extracted side by side
    /// (<see cref="ImageServiceOptions.MaxConcurrentExtractions"/>), the lowest first, and committed in their order; a layer that needs what is beneath, as for a hard link
    /// into it, is then extracted again on its parent. Elsewhere one follows the other. The outcome is the same.
    /// </remarks>
    /// <param name="image">The image; its layers are in the content store.</param>
    /// <param name="snapshotter">Keeps the layers' trees.</param>
    /// <param name="applier">Extracts the layers.</param>
    /// <param name="progress">Told of each layer.</param>
    /// <param name="cancellationToken">Stops the unpacking; layers that are done stay.</param>
    /// <returns>The chain ID of the topmost layer: the parent for snapshots of the image.</returns>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: a layer is not in the content store. -or-
    /// <see cref="ErrorKind.InvalidArgument"/>: the image has no layers. -or- <see cref="ErrorKind.AlreadyExists"/>: an active snapshot or a view has the chain ID of a layer for
    /// its key. -or- what <see cref="ILayerApplier.ApplyAsync"/>, <see cref="ISnapshotter.PrepareAsync"/> and
    /// <see cref="ISnapshotter.CommitAsync"/> throw.</exception>
    /// <exception cref="DigestMismatchException">A layer is not, uncompressed, what the configuration says. It is not committed; the others are stopped.</exception>
    public async Task<string> UnpackAsync(
        Image image, ISnapshotter snapshotter, ILayerApplier applier, IProgress<TransferProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(snapshotter);
        ArgumentNullException.ThrowIfNull(applier);
        using Activity? activity = ImagesTelemetry.Source.StartActivity("containerd.images.unpack");
        activity?.SetTag("containerd.image.name", image.Name);
        return await _unpacker.UnpackAsync(image, new ImageUnpack(snapshotter, applier), static _ => Task.CompletedTask, progress, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Looks an image up.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="platform">What it is to run on; null for <see cref="Platform.Current"/>.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <returns>The image, or null where there is no such name.</returns>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: there is such a name, but the image's manifest or configuration for this platform is not in the
    /// content store. -or- <see cref="ErrorKind.NotSupported"/>: the name stands for something else than an image. -or-
    /// <see cref="ErrorKind.DataCorrupted"/>: what is stored cannot be read as an image.</exception>
    public async Task<Image?> FindAsync(string name, Platform? platform = null, CancellationToken cancellationToken = default)
    {
        if (await _images.FindAsync(name, cancellationToken).ConfigureAwait(false) is not { } record)
            return null;
        platform ??= Platform.Current;
        (Descriptor descriptor, ImageManifest manifest) = await _reader.FindManifestAsync(
            name, record.Target, platform, static (_, _) => Task.CompletedTask, cancellationToken).ConfigureAwait(false);
        return await _reader.ReadAsync(name, record.Target, descriptor, manifest, platform, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Looks up an image that must exist.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="platform">What it is to run on; null for <see cref="Platform.Current"/>.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: no such name. -or- as <see cref="FindAsync"/>.</exception>
    public async Task<Image> GetAsync(string name, Platform? platform = null, CancellationToken cancellationToken = default) =>
        await FindAsync(name, platform, cancellationToken).ConfigureAwait(false)
        ?? throw new ContainerdException(ErrorKind.NotFound, $"No image is named '{Excerpt.Of(name)}'; pull or import it first.") { Subject = name };

    /// <summary>Lists the names, ordinally sorted.</summary>
    /// <param name="cancellationToken">Stops the listing.</param>
    public async IAsyncEnumerable<ImageRecord> ListAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await foreach (ImageRecord image in _images.ListAsync(cancellationToken).ConfigureAwait(false))
            yield return image;
    }

    /// <summary>Removes a name. Content and snapshots stay, since other names may need them.</summary>
    /// <param name="name">The name.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: no such name.</exception>
    public Task RemoveAsync(string name, CancellationToken cancellationToken = default) => _images.DeleteAsync(name, cancellationToken: cancellationToken);

    /// <summary>Frees what the service itself holds; the stores and the registry stay usable. To be called when nothing runs any more.</summary>
    public void Dispose() => _transfers.Dispose();

    private async Task<Descriptor> ResolveAsync(ImageReference reference, IProgress<TransferProgress>? progress, CancellationToken cancellationToken)
    {
        using Activity? activity = ImagesTelemetry.Source.StartActivity("containerd.images.resolve");
        progress?.Report(new TransferProgress(TransferPhase.Resolving, null, 0));
        return await _registry.ResolveAsync(reference, cancellationToken).ConfigureAwait(false);
    }

    private async Task<Image> PullAsync(
        ImageReference reference, string name, Descriptor target, ImagePullOptions options, IProgress<TransferProgress>? progress, CancellationToken cancellationToken)
    {
        (Descriptor descriptor, ImageManifest manifest) = await _reader.FindManifestAsync(
            name, target, options.Platform, (content, token) => FetchAsync(reference, content, ImageManifest.MaxBytes, progress, token), cancellationToken).ConfigureAwait(false);
        ImageReader.ThrowUnlessImage(name, manifest);
        Descriptor[] contents = [.. manifest.Layers.Prepend(manifest.Config).DistinctBy(content => content.Digest)];
        if (manifest.Layers.Prepend(manifest.Config).DistinctBy(content => (content.Digest, content.Size)).Count() != contents.Length)
            throw new ContainerdException(ErrorKind.DataCorrupted, $"The manifest of {Excerpt.Of(name)} gives the same content two sizes.") { Subject = name };
        if (manifest.Layers.Any(layer => layer.Digest == manifest.Config.Digest))
            throw new ContainerdException(ErrorKind.DataCorrupted, $"The manifest of {Excerpt.Of(name)} has its configuration for a layer.") { Subject = name };
        foreach (Descriptor content in contents)
            progress?.Report(new TransferProgress(TransferPhase.Queued, content, 0));

        // The configuration first: an image for another platform is found out before its layers are fetched.
        await FetchAsync(reference, manifest.Config, ImageConfiguration.MaxBytes, progress, cancellationToken).ConfigureAwait(false);
        Image image = await _reader.ReadAsync(name, target, descriptor, manifest, options.Platform, cancellationToken).ConfigureAwait(false);
        using var group = new TaskGroup(cancellationToken);
        Dictionary<Digest, Task> layers = contents.Skip(1).ToDictionary(
            layer => layer.Digest, layer => group.Run(token => FetchAsync(reference, layer, long.MaxValue, progress, token)));
        if (options.Unpack is { } unpack)
            _ = group.Run(token => _unpacker.UnpackAsync(image, unpack, layer => layers[image.Layers[layer].Digest], progress, token));
        await group.WaitAsync(cancellationToken).ConfigureAwait(false);
        return image;
    }

    private async Task FetchAsync(ImageReference reference, Descriptor descriptor, long maxBytes, IProgress<TransferProgress>? progress, CancellationToken cancellationToken)
    {
        if (descriptor.Size > maxBytes)
            throw new ContainerdException(ErrorKind.DataCorrupted, $"{descriptor} of {reference} is larger than the {maxBytes} bytes that are allowed.") { Subject = reference.ToString() };
        using Activity? activity = ImagesTelemetry.Source.StartActivity("containerd.images.fetch");
        activity?.SetTag("containerd.content.digest", descriptor.Digest.ToString());
        await _transfer.EnsureAsync(
            descriptor,
            (offset, token) => _registry.FetchAsync(reference, descriptor, offset, token),
            progress,
            cancellationToken,
            _transfers,
            bytes => ImagesTelemetry.FetchedBytes.Add(bytes, new KeyValuePair<string, object?>("server.address", reference.Registry))).ConfigureAwait(false);
    }

    [LoggerMessage(2101, LogLevel.Information, "Pulled {Name} ({Digest}) in {Seconds:0.0} seconds.")]
    private static partial void LogPulled(ILogger logger, string name, Digest digest, double seconds);
}
