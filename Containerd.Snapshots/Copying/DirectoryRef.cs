using System.Buffers;
using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>A directory of one side of a copy: open while the budget allows, else opened again by its names from the nearest one above that is.</summary>
/// <remarks>
/// Whatever way it is opened, it must be the directory that was met first: one that was swapped meanwhile is refused. Safe for several threads as
/// <see cref="CopiedDirectory"/> orders them: it is kept before anything beneath it is known to others, and closed after all of that is done.
/// </remarks>
internal sealed class DirectoryRef(CopySide side, DirectoryRef? parent, byte[] terminatedName)
{
    private const int MaxPathLength = 4096; // linux/limits.h PATH_MAX, the NUL included

    private readonly Lock _identityLock = new();
    private SafeFileHandle? _kept = parent is null ? side.Root : null;
    private FileIdentity? _identity;

    public CopySide Side => side;

    public DirectoryRef? Parent => parent;

    public int Depth { get; } = parent is null ? 0 : parent.Depth + 1;

    public ReadOnlySpan<byte> TerminatedName => terminatedName;

    /// <summary>Opens the directory.</summary>
    /// <param name="keep">Whether it shall stay open for what is beneath it, if the budget allows.</param>
    public DirectoryLease Open(bool keep = false)
    {
        if (Volatile.Read(ref _kept) is { } kept)
            return new DirectoryLease(kept, IsOwned: false);
        var way = new List<DirectoryRef> { this };
        DirectoryRef above = parent!;
        SafeFileHandle? start;
        while ((start = Volatile.Read(ref above._kept)) is null)
        {
            way.Add(above);
            above = above.Parent!;
        }
        return Admit(Descend(start, way), keep);
    }

    /// <summary>Opens the directory while others may be closing it and what is above it: from the root alone.</summary>
    public DirectoryLease OpenFromRoot()
    {
        var way = new List<DirectoryRef>();
        for (DirectoryRef step = this; step.Parent is not null; step = step.Parent)
            way.Add(step);
        return way.Count == 0 ? new DirectoryLease(side.Root, IsOwned: false) : Admit(Descend(side.Root, way), keep: false);
    }

    /// <summary>Opens the directory from its parent, which is open; null and the error where it cannot be.</summary>
    public DirectoryLease? TryOpenIn(SafeFileHandle open, out int errno)
    {
        errno = 0;
        if (Volatile.Read(ref _kept) is { } kept)
            return new DirectoryLease(kept, IsOwned: false);
        SafeFileHandle? handle = side.TryOpenDirectory(open, terminatedName, out errno);
        return handle is null ? null : Admit(handle, keep: true);
    }

    /// <summary>Closes the directory if it was kept.</summary>
    public void Close()
    {
        if (parent is null || Interlocked.Exchange(ref _kept, null) is not { } kept)
            return;
        kept.Dispose();
        side.Budget.Return();
    }

    private DirectoryLease Admit(SafeFileHandle handle, bool keep)
    {
        try
        {
            side.Check(Files.Details(handle, out FileDetails details), "look at", this);
            lock (_identityLock)
            {
                _identity ??= details.Identity;
                if (_identity != details.Identity)
                    throw CopyFailure.Changed(side.PathOf(this), side.IsSource);
            }
        }
        catch
        {
            handle.Dispose();
            throw;
        }
        if (!keep || !side.Budget.TryTake(Depth))
            return new DirectoryLease(handle, IsOwned: true);
        if (Interlocked.CompareExchange(ref _kept, handle, null) is null)
            return new DirectoryLease(handle, IsOwned: false);
        side.Budget.Return();
        return new DirectoryLease(handle, IsOwned: true);
    }

    /// <summary>Opens a directory far down in as few steps as paths of the greatest length allow.</summary>
    /// <param name="start">Where the way begins.</param>
    /// <param name="way">The directories to pass, the last one first.</param>
    private static SafeFileHandle Descend(SafeFileHandle start, List<DirectoryRef> way)
    {
        byte[] path = ArrayPool<byte>.Shared.Rent(MaxPathLength);
        SafeFileHandle current = start;
        try
        {
            for (int left = way.Count; left > 0;)
            {
                int length = 0;
                while (left > 0 && length + way[left - 1].TerminatedName.Length <= MaxPathLength)
                {
                    ReadOnlySpan<byte> name = way[--left].TerminatedName;
                    name.CopyTo(path.AsSpan(length));
                    length += name.Length;
                    path[length - 1] = (byte)'/';
                }
                path[length - 1] = 0;
                DirectoryRef reached = way[left];
                SafeFileHandle? next = left > 0
                    ? CopySide.TryPassDirectory(current, path.AsSpan(0, length), out int errno)
                    : reached.Side.TryOpenDirectory(current, path.AsSpan(0, length), out errno);
                if (next is null)
                    throw reached.Side.OpenFailure(errno, reached);
                if (current != start)
                    current.Dispose();
                current = next;
            }
            return current;
        }
        catch
        {
            if (current != start)
                current.Dispose();
            throw;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(path);
        }
    }
}
