using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Containerd.Snapshots;

/// <summary>Copies trees on Linux, sharing what the file system can share, with as many threads as help.</summary>
/// <remarks>
/// <para>Content of 64 KiB and more is shared by reflink (<c>FICLONE</c>: btrfs, xfs and others, within one file system), else copied by
/// <c>copy_file_range</c>, else through a buffer. Holes stay holes. The roots' own owner, mode, times and attributes are copied as well; what the
/// destination has already is replaced, never written into, so that its other names keep what they had. Directories that both trees have are merged and
/// get the source's attributes; those of the destination's that the source lacks go. Not kept, for lack of a way to set them: creation and change times,
/// inode flags, project IDs.</para>
/// <para>Extended attributes are copied raw, <c>trusted.*</c> included (which only root sees): the upper directory of an overlay stays one, whiteouts and
/// all. One that the destination's file system cannot hold ends the copy with <see cref="ErrorKind.NotSupported"/>, if it belongs to the file:
/// <c>user.*</c>, <c>trusted.*</c>, <c>security.capability</c>, POSIX ACLs. Labels of security modules and attributes that one kind of file system gives a
/// meaning are then left out with a warning; <c>security.evm</c> is left out always, since it is a signature of the one file.</para>
/// <para>Only the two paths given are resolved as paths, links in them followed. Everything beneath is opened from its directory's handle by
/// <c>openat2</c> without following links or entering mounts, so that whoever swaps things meanwhile makes the copy fail, but not read or write elsewhere.
/// A directory or file of either tree that something is mounted on is <see cref="ErrorKind.FailedPrecondition"/>; exclude it. A change to the source is
/// noticed by times of change, hence with the granularity of the file system's clock (some milliseconds on kernels before 6.13).</para>
/// <para>With <see cref="FileTreeCopyOptions.Mirror"/> whatever stands in the way is removed. Without, a file is replaced by another, but
/// a directory in the place of a file is <see cref="ErrorKind.FailedPrecondition"/>, as is the reverse. Patterns bound what is done: what they leave out is
/// neither copied nor removed, save that a directory which goes takes with it what it holds. A directory above something that is copied is copied with its
/// attributes. Patterns follow moby's: <c>*</c>, <c>?</c>, <c>[a-z]</c> and <c>\</c> within a name, <c>**</c> across names, <c>!</c> for exceptions, the last
/// match deciding; a directory that matches takes what is beneath it along. Empty ones and <c>.</c> are ignored; there are no comments.</para>
/// <para>Further kinds: <see cref="ErrorKind.NotFound"/>, the directory in which the destination is to be made is missing;
/// <see cref="ErrorKind.InvalidArgument"/>, one tree lies in the other, or the source is no directory; <see cref="ErrorKind.ResourceExhausted"/>, the source
/// is nested deeper than 10,000 directories, or a file of it has more than 64 KiB of attribute names. A malformed pattern is an <see cref="ArgumentException"/>.</para>
/// <para>Nothing is flushed to disk: the caller does that once, for all it has written. A copy that fails or is cancelled leaves what it has made, each file
/// of it whole; its directories may have mode 0700 and the owner of the process still. Cancellation takes effect between files and every 16 MiB within one.
/// Progress is reported from the threads that copy, by one at a time, every 1,024 entries and 32 MiB; an exception it throws ends the copy.</para>
/// <para>Uses threads of its own, at most 256 open directories, and about half a MiB of memory per thread besides what hard links need, which is about 200
/// bytes for each file of which not all names were met. Thread-safe. Needs Linux 5.6 and <c>/proc</c>; root (or CAP_CHOWN, CAP_FOWNER,
/// CAP_DAC_OVERRIDE, CAP_SETFCAP, CAP_MKNOD) where owners, capabilities and devices are in the tree. Source: containerd continuity fs/copy.go (S-19).</para>
/// </remarks>
/// <example>
/// <code>
/// var copier = new FileTreeCopier();
/// var context = new FileTreeCopyOptions { Exclude = ["**/bin", "**/obj", ".git"] };
/// FileTreeCopyProgress copied = await copier.CopyAsync("/home/me/project", "/var/lib/app/context", context);
/// </code>
/// </example>
public sealed class FileTreeCopier : IFileTreeCopier
{
    private readonly int _parallelism;
    private readonly ILogger _logger;

    /// <summary>Makes a copier.</summary>
    /// <param name="options">How it copies; null for the defaults. Later changes to it have no effect.</param>
    /// <param name="loggerFactory">Where warnings go; null for nowhere.</param>
    public FileTreeCopier(FileTreeCopierOptions? options = null, ILoggerFactory? loggerFactory = null)
    {
        _parallelism = (options ?? new FileTreeCopierOptions()).Parallelism;
        _logger = (loggerFactory ?? NullLoggerFactory.Instance).CreateLogger<FileTreeCopier>();
    }

    /// <inheritdoc/>
    public async Task<FileTreeCopyProgress> CopyAsync(
        string source,
        string destination,
        FileTreeCopyOptions? options = null,
        IProgress<FileTreeCopyProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(source);
        ArgumentException.ThrowIfNullOrEmpty(destination);
        // A thread of its own: the calls block, and the pool's are for those that do not.
        return await Task.Factory.StartNew(
            () => Copy(source, destination, options, progress, cancellationToken),
            cancellationToken,
            TaskCreationOptions.LongRunning | TaskCreationOptions.DenyChildAttach,
            TaskScheduler.Default).ConfigureAwait(false);
    }

    /// <summary>The same on the caller's thread, in whose mount namespace the two paths are resolved, and helpers.</summary>
    internal FileTreeCopyProgress Copy(
        string source,
        string destination,
        FileTreeCopyOptions? options = null,
        IProgress<FileTreeCopyProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        options ??= new FileTreeCopyOptions();
        return TreeCopy.Run(new CopyParameters
        {
            Source = source,
            Destination = destination,
            Selection = new PathSelection(options),
            IsMirror = options.Mirror,
            Parallelism = _parallelism,
            Progress = progress,
            Logger = _logger,
            CancellationToken = cancellationToken,
        });
    }
}
