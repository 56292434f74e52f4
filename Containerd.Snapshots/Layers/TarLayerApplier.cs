using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Containerd.Snapshots;

/// <summary>Applies tar layers, plain or compressed with gzip, Zstandard or what else <see cref="TarLayerApplierOptions.Compressions"/> has, to a tree.</summary>
/// <remarks>
/// <para>A single writable overlay is not mounted: entries go straight into its upper directory, whiteouts in overlay's form, and directories that the
/// archive does not describe take their attributes from the layers beneath. A single writable bind is written into directly, whiteouts
/// removing what they name. Everything else is mounted by the <see cref="IMounter"/>, detached, and treated like a bind.</para>
/// <para>All work happens beneath a directory handle: paths are resolved inside the root by <c>openat2</c> (Linux 5.6), or one component at a time where
/// that is missing or forbidden, and what an entry makes is never reached through a link. Another process that changes the tree meanwhile can spoil the
/// result, but gets nothing written outside, save into directories that it moves out itself.</para>
/// <para>Of the attributes in a layer, <c>user.*</c>, <c>security.capability</c> and POSIX ACLs are applied, ACLs as text only where they name users and
/// groups by number; <c>trusted.*</c>, <c>user.overlay.*</c> and other <c>security.*</c> are left out with a warning (see
/// <see cref="TarLayerApplierOptions.ApplySecurityLabels"/>). What is made in a directory with a default ACL does not inherit it: the archive tells all. A
/// whiteout never touches what the same layer puts there, wherever it stands in the archive. A character device 0:0 is a whiteout of its own name, which
/// is what overlayfs would make of it.</para>
/// <para>A hard link to what neither the layer nor those beneath have is <see cref="ErrorKind.InvalidArgument"/>: so a layer that links into its parent
/// does not apply by itself, with nothing beneath, and is to be applied over the parent then.</para>
/// <para>Besides the kinds of <see cref="ILayerApplier.ApplyAsync"/>: <see cref="ErrorKind.NotFound"/>, a directory of the mounts is missing, and
/// <see cref="ErrorKind.Unavailable"/>, another process keeps changing the tree. An exception of the content's own stream passes through as it is.</para>
/// <para>Applying keeps up to four threads of the pool occupied: reading, expanding, hashing and extracting go on at the same time. Where one applier has as many layers in work as
/// there are processors, each layer has one thread instead, which takes less processor time altogether; so use one applier for all.</para>
/// <para>Memory: 3 MiB of buffers and about 60 bytes per entry, plus the decoder's window (up to 128 MiB for Zstandard at its highest levels).
/// Thread-safe for different trees. Needs root, or a user namespace, for owners; devices are left out in a user namespace.</para>
/// <para>Source: image-spec v1.1 layer.md; containerd pkg/archive/tar.go, core/diff/apply.</para>
/// </remarks>
/// <example>
/// <code>
/// var applier = new TarLayerApplier();
/// await using FileStream layer = File.OpenRead("layer.tar.gz");
/// var descriptor = new Descriptor { MediaType = MediaTypes.OciLayerGzip, Digest = digest, Size = layer.Length };
/// LayerApplyResult result = await applier.ApplyAsync(descriptor, layer, [Mount.Bind("/var/lib/app/tree")]);
/// </code>
/// </example>
public sealed class TarLayerApplier : ILayerApplier
{
    private readonly TarLayerApplierOptions _options;
    private readonly IMounter? _mounter;
    private readonly ILogger _logger;
    private readonly LayersInWork _layers;

    /// <summary>Makes an applier.</summary>
    /// <param name="options">How it applies; null for the defaults.</param>
    /// <param name="mounter">Mounts what cannot be written into directly; null where only overlays and binds will be given.</param>
    /// <param name="loggerFactory">Where warnings go; null for nowhere.</param>
    public TarLayerApplier(TarLayerApplierOptions? options = null, IMounter? mounter = null, ILoggerFactory? loggerFactory = null)
    {
        _options = options ?? new TarLayerApplierOptions();
        _layers = new LayersInWork(_options.Processors);
        _mounter = mounter;
        _logger = (loggerFactory ?? NullLoggerFactory.Instance).CreateLogger<TarLayerApplier>();
    }

    /// <inheritdoc/>
    public async Task<LayerApplyResult> ApplyAsync(
        Descriptor layer,
        Stream content,
        IReadOnlyList<Mount> mounts,
        IProgress<long>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(layer);
        ArgumentNullException.ThrowIfNull(content);
        ArgumentNullException.ThrowIfNull(mounts);
        cancellationToken.ThrowIfCancellationRequested();
        LayerCompressions.ForMediaType(_options.Compressions, layer.MediaType, "apply");
        LayerTarget target = LayerTarget.Choose(mounts);
        if (target.NeedsMount && _mounter is null)
        {
            throw new ContainerdException(
                ErrorKind.NotSupported,
                $"Cannot apply the layer {layer.Digest}: its mounts are neither one overlay nor one bind, so they must be mounted, and this applier was made without a mounter.")
            {
                Subject = layer.Digest.ToString(),
            };
        }

        using IDetachedMount? mounted = target.NeedsMount ? _mounter!.MountDetached(mounts) : null;
        using var tree = new LayerTree(mounted?.Path ?? target.Directory!, target.Overlay, _options.UseConfinedLookup, _options.Limits);
        try
        {
            return await ApplyAsync(layer, content, tree, progress, cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (cancellationToken.IsCancellationRequested && e.CancellationToken != cancellationToken)
        {
            throw new OperationCanceledException(e.Message, e, cancellationToken); // not the pipeline's own token
        }
    }

    private async Task<LayerApplyResult> ApplyAsync(
        Descriptor layer, Stream content, LayerTree tree, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        var pipeline = new LayerPipeline(content, layer.MediaType, _options, _layers, progress, cancellationToken);
        await using (pipeline.ConfigureAwait(false))
        {
            var reader = new TarReader(pipeline.Expanded, _options.Limits);
            var extractor = new LayerExtractor(tree, reader, _options, _logger, cancellationToken);
            // Not on the caller's own thread, which may be one that others wait for: the other stages may run there too.
            await Task.Run(extractor.ExtractAsync, cancellationToken).ConfigureAwait(false);
            (Digest diffId, long size) = await pipeline.FinishAsync(cancellationToken).ConfigureAwait(false);
            LayerApplierLog.Applied(_logger, layer.Digest.ToString(), reader.Entries, size, diffId.ToString());
            return new LayerApplyResult { DiffId = diffId, Size = size, Entries = reader.Entries, DependsOnBase = extractor.DependsOnBase };
        }
    }
}
