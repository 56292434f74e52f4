using System.Runtime.ExceptionServices;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>A copy of one tree into another while it runs: what its threads share.</summary>
internal sealed class TreeCopy
{
    // Somebody who puts things in the way as fast as they are removed has won.
    private const int MaxAttempts = 16;

    private readonly CopyParameters _parameters;
    private readonly DirectoryQueue _queue = new();
    private readonly List<Thread> _helpers = [];
    private volatile ExceptionDispatchInfo? _failure;

    private TreeCopy(CopyParameters parameters, SafeFileHandle source, SafeFileHandle destination)
    {
        _parameters = parameters;
        Source = new CopySide(source, parameters.Source, isSource: true);
        Destination = new CopySide(destination, parameters.Destination, isSource: false);
        Totals = new CopyTotals(parameters.Progress);
    }

    public CopySide Source { get; }

    public CopySide Destination { get; }

    public CopyTotals Totals { get; }

    public CopyAbilities Abilities { get; } = new();

    public HardLinks Links { get; } = new();

    public PathSelection Selection => _parameters.Selection;

    public bool IsMirror => _parameters.IsMirror;

    public ILogger Logger => _parameters.Logger;

    public CancellationToken CancellationToken => _parameters.CancellationToken;

    /// <summary>What the destination's root is, which must not turn up in the source.</summary>
    public FileIdentity DestinationIdentity { get; private set; }

    /// <summary>Copies a tree, on this thread and as many others as there is work for.</summary>
    /// <exception cref="ContainerdException">As <see cref="FileTreeCopier.CopyAsync"/>.</exception>
    public static FileTreeCopyProgress Run(CopyParameters parameters)
    {
        parameters.CancellationToken.ThrowIfCancellationRequested();
        using SafeFileHandle source = CopyRoot.OpenSource(parameters.Source);
        using SafeFileHandle destination = CopyRoot.OpenDestination(parameters.Destination);
        return new TreeCopy(parameters, source, destination).Run();
    }

    /// <summary>Has a directory copied by whichever thread is free, and gets another thread where it would have to wait.</summary>
    public void Add(CopiedDirectory directory)
    {
        if (_queue.Add(directory) < 2)
            return;
        lock (_helpers)
        {
            if (_helpers.Count >= _parameters.Parallelism - 1)
                return;
            var helper = new Thread(Work) { IsBackground = true, Name = "copying a tree" };
            helper.Start();
            _helpers.Add(helper);
        }
    }

    /// <summary>Opens the destination of a directory, made where it is missing, as are those above it.</summary>
    public DirectoryLease OpenDestination(CopiedDirectory directory)
    {
        var missing = new Stack<CopiedDirectory>();
        CopiedDirectory made = directory;
        for (; !made.IsCopied; made = made.Parent!)
            missing.Push(made);
        DirectoryLease current = made.Destination.Open();
        while (missing.TryPop(out CopiedDirectory? next))
        {
            DirectoryLease above = current;
            using (above)
                current = MakeDirectory(next, above.Handle);
        }
        return current;
    }

    /// <summary>Removes what stands in the destination where something else must go, if that is allowed.</summary>
    public void MakeRoom(SafeFileHandle directory, CopySubject subject, bool isForDirectory, int attempt)
    {
        if (attempt >= MaxAttempts)
            throw subject.DestinationChanged();
        FileResult found = Files.Status(directory, subject.Name, out FileStatus status);
        if (found.Missing)
            return;
        subject.CheckDestination(found, "look at");
        if (!IsMirror && status.IsDirectory != isForDirectory)
            throw CopyFailure.InTheWay(subject.DestinationPath, status.IsDirectory);
        if (status.IsDirectory)
            TreeRemoval.Remove(directory, subject.TerminatedName, subject.DestinationPath, CancellationToken);
        else
        {
            // Never written into: it may have names elsewhere.
            FileResult removed = Files.Unlink(directory, subject.Name);
            if (!removed.Missing)
                subject.CheckDestination(removed, "replace");
        }
    }

    public ContainerdException Overlap() => CopyFailure.Overlap(_parameters.Source, _parameters.Destination);

    private FileTreeCopyProgress Run()
    {
        var root = new CopiedDirectory(Source, Destination, Selection.Start);
        Source.Check(Files.Details(Source.Root, out FileDetails source), "look at", root.Source);
        Destination.Check(Files.Details(Destination.Root, out FileDetails destination), "look at", root.Destination);
        DestinationIdentity = destination.Identity;
        if (TreeOverlap.IsWithin(Source.Root, destination.Identity, CancellationToken) || TreeOverlap.IsWithin(Destination.Root, source.Identity, CancellationToken))
            throw Overlap();
        root.PassesAcl = PassesAcl(Destination.Root);
        _queue.Add(root);
        Work();
        foreach (Thread helper in _helpers) // no more of them start: they would be started by one of these
            helper.Join();
        _failure?.Throw();
        Totals.Complete();
        FileTreeCopyProgress totals = Totals.Current;
        FileTreeCopierLog.Copied(Logger, Excerpt.Of(_parameters.Source), Excerpt.Of(_parameters.Destination), totals.Entries, totals.Bytes);
        return totals;
    }

    private void Work()
    {
        DirectoryCopier? copier = null;
        while (_queue.TryTake(out CopiedDirectory directory))
        {
            try
            {
                // After a failure what is left is only closed.
                if (_failure is null)
                    (copier ??= new DirectoryCopier(this)).Copy(directory);
            }
            catch (Exception e)
            {
                Fail(e);
            }
            Release(directory, copier);
            _queue.Complete();
        }
    }

    private void Release(CopiedDirectory directory, DirectoryCopier? copier)
    {
        for (CopiedDirectory? done = directory; done?.Release() == true; done = done.Parent)
        {
            try
            {
                if (_failure is null)
                    copier!.Complete(done);
            }
            catch (Exception e)
            {
                Fail(e);
            }
            done.Close();
        }
    }

    // The first failure is the one that is told; those of the other threads may follow from it.
    private void Fail(Exception exception)
    {
        Interlocked.CompareExchange(ref _failure, ExceptionDispatchInfo.Capture(exception), null);
        Links.Stop();
    }

    private DirectoryLease MakeDirectory(CopiedDirectory directory, SafeFileHandle parent)
    {
        var subject = new CopySubject(directory.Parent!, directory.Destination.TerminatedName);
        for (int attempt = 0; ; attempt++)
        {
            FileResult made = Files.MakeDirectory(parent, subject.Name);
            if (!made.Ok && !made.Exists)
                subject.CheckDestination(made, "make");
            if (directory.Destination.TryOpenIn(parent, out int errno) is { } opened)
            {
                directory.PassesAcl = made.Ok ? directory.Parent!.PassesAcl : PassesAcl(opened.Handle);
                directory.MarkPresent(existed: !made.Ok);
                directory.MarkCopied();
                if (made.Ok)
                    Totals.AddEntry();
                return opened;
            }
            if (made.Ok || errno is not (ENOTDIR or ELOOP or ENOENT))
                throw Destination.OpenFailure(errno, directory.Destination);
            MakeRoom(parent, subject, isForDirectory: true, attempt);
        }
    }

    private static bool PassesAcl(SafeFileHandle directory)
    {
        Span<byte> value = stackalloc byte[1];
        FileResult found = Xattr.Get(directory, "system.posix_acl_default"u8, value, out _);
        return !found.NoData && !found.Unsupported; // found, or too long for the buffer
    }
}
