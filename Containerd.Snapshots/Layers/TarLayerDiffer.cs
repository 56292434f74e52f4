using System.IO.Pipelines;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Containerd.Snapshots;

/// <summary>Writes the difference between two trees as a tar layer.</summary>
/// <remarks>
/// <para><b>What is looked at.</b> Of an overlay over the very tree that it is compared with, given as an overlay, a bind of its only directory or nothing,
/// only the topmost directory is read, and nothing mounted: whiteouts and opaque directories become those of the layer, and what is there unchanged
/// is left out. What was renamed there with <c>redirect_dir</c>, or has its data elsewhere (<c>metacopy</c>), is read through a mounted view; an overlay that is mounted
/// with one of these, or with <c>index=on</c>, is compared as a whole, since hard links may then lead out of what changed.
/// A bind is read in place, and must have nothing mounted beneath. Everything else is mounted by the <see cref="IMounter"/>, detached and read-only, and walked
/// as a whole beside the other tree. Mapped IDs of the mounts are ignored: a layer has those on disk.</para>
/// <para><b>What counts as changed</b> (A-18): type, mode, owner, device number, size, modification time, and the attributes that belong in a layer:
/// <c>user.*</c>, <c>security.capability</c>, POSIX ACLs. Where both times are in whole seconds, as archives leave them, the content decides. A directory's time
/// counts only together with something in it. Which names are one file counts too.</para>
/// <para><b>What is written</b> (A-19): PAX, names relative and in the order of their bytes, the parents of a change before it. Times are those of modification in
/// whole seconds, owners numbers only. The first name of a file carries its data, the others are links to it, unchanged ones after the changed one. A whiteout is an
/// empty file of the year 1970. The root itself has no entry. Sockets are left out with a warning; one in the place of something else deletes that.</para>
/// <para>Besides the kinds of <see cref="ILayerDiffer.DiffAsync"/>: <see cref="ErrorKind.InvalidArgument"/>, a changed name begins with <c>.wh.</c>, a path is longer
/// than 4,095 bytes, a tree that is no overlay holds a character device 0:0, a level the compression has not;
/// <see cref="ErrorKind.ResourceExhausted"/>, a file has more than 256 KiB of attributes, or too many files are open;
/// <see cref="ErrorKind.NotSupported"/>, a tree must be mounted and there is no mounter, or an overlay has been used with <c>index=on</c>, or
/// with <c>metacopy=on</c> and is given without it. What the destination throws comes through as it is. After any of them, what was written is not a layer.</para>
/// <para>A file is read from a handle that no link led to, and fails the call with <see cref="ErrorKind.FailedPrecondition"/> where it changed while it was read, as do
/// directories that were moved, and whatever else is mounted in a tree that is read in place. What changes between the reading of two files is not noticed: freeze what writes.</para>
/// <para>Reading and comparing, hashing, compressing and writing are tasks of their own over pipes of 1 MiB. Memory: 5 MiB, the names of the directories on the way
/// to where the walk is, about 200 bytes for a file of several names, and what the compression needs. An open handle per directory on that way and layer.
/// Progress is reported from the task that hashes. Thread-safe. Needs Linux 5.6 and the right to read the trees; CAP_SYS_ADMIN where they are mounted or marked
/// with <c>trusted.overlay.*</c>. Source: containerd continuity fs/diff.go, pkg/archive/tar.go; image-spec v1.1 layer.md.</para>
/// </remarks>
/// <example>
/// <code>
/// var differ = new TarLayerDiffer(mounter: new LinuxMounter());
/// await using FileStream file = File.Create("layer.tar.gz");
/// var options = new LayerDiffOptions { CompressionLevel = 9, SourceDate = DateTimeOffset.UnixEpoch };
/// LayerDiffResult layer = await differ.DiffAsync(lower: [], upper: [Mount.Bind("/var/lib/app/tree")], file, options);
/// </code>
/// </example>
public sealed class TarLayerDiffer : ILayerDiffer
{
    private readonly IReadOnlyList<ILayerCompression> _compressions;
    private readonly IMounter? _mounter;
    private readonly ILogger _logger;

    /// <summary>Makes a differ.</summary>
    /// <param name="options">How it writes; null for the defaults.</param>
    /// <param name="mounter">Mounts what cannot be read in place; null where only overlays on their own lower directories, and binds, will be given.</param>
    /// <param name="loggerFactory">Where warnings go; null for nowhere.</param>
    public TarLayerDiffer(TarLayerDifferOptions? options = null, IMounter? mounter = null, ILoggerFactory? loggerFactory = null)
    {
        _compressions = [.. (options ?? new TarLayerDifferOptions()).Compressions];
        _mounter = mounter;
        _logger = (loggerFactory ?? NullLoggerFactory.Instance).CreateLogger<TarLayerDiffer>();
    }

    /// <inheritdoc/>
    public async Task<LayerDiffResult> DiffAsync(
        IReadOnlyList<Mount> lower,
        IReadOnlyList<Mount> upper,
        Stream destination,
        LayerDiffOptions? options = null,
        IProgress<long>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(lower);
        ArgumentNullException.ThrowIfNull(upper);
        ArgumentOutOfRangeException.ThrowIfZero(upper.Count, nameof(upper));
        ArgumentNullException.ThrowIfNull(destination);
        options ??= new LayerDiffOptions();
        cancellationToken.ThrowIfCancellationRequested();
        ILayerCompression compression = LayerCompressions.ForMediaType(_compressions, options.MediaType, "write");
        using DiffSources sources = DiffSources.Open(lower, upper, _mounter);
        using var encoding = new LayerEncoding(destination, cancellationToken);
        long entries = 0;
        try
        {
            LayerDiffResult result = await encoding.RunAsync(
                async (archive, stop) => entries = await WriteAsync(sources, archive, options, stop).ConfigureAwait(false), compression, options, progress)
                .ConfigureAwait(false);
            LayerDifferLog.Written(_logger, result.Layer.Digest.ToString(), entries, result.UncompressedSize, result.DiffId.ToString());
            return result;
        }
        catch (OperationCanceledException e) when (cancellationToken.IsCancellationRequested && e.CancellationToken != cancellationToken)
        {
            throw new OperationCanceledException(e.Message, e, cancellationToken); // not the stages' own token
        }
    }

    private async Task<long> WriteAsync(DiffSources sources, PipeWriter archive, LayerDiffOptions options, CancellationToken cancellationToken)
    {
        var layer = new LayerWriter(new TarWriter(archive), options.SourceDate?.ToUnixTimeSeconds(), cancellationToken);
        using var diff = new TreeDiff(layer, _logger, cancellationToken);
        await diff.WriteAsync(sources).ConfigureAwait(false);
        await layer.EndAsync().ConfigureAwait(false);
        return layer.Entries;
    }
}
