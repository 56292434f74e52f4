using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>Copies what is directly in a directory, and hands on the directories in it. One per thread.</summary>
internal sealed class DirectoryCopier(TreeCopy copy)
{
    // Deeper than any path can name, and not so deep that what is opened again by its names costs more than the rest.
    private const int MaxDepth = 10_000;

    private const byte RegularType = 8; // DT_REG

    private readonly EntryCopier _entries = new(copy);

    /// <summary>Copies a directory but for its own attributes.</summary>
    public void Copy(CopiedDirectory directory)
    {
        copy.CancellationToken.ThrowIfCancellationRequested();
        if (directory.Destination.Depth > MaxDepth)
            throw CopyFailure.TooDeep(directory.Destination.Side.PathOf(directory.Destination), MaxDepth);
        DirectoryLease destination = default;
        using DirectoryLease source = directory.Source?.Open(keep: true) ?? default;
        if (source.IsOpen)
            LookAtSource(directory, source.Handle);
        try
        {
            if (directory.IsSelected)
                destination = copy.OpenDestination(directory);
            else if (copy.IsMirror)
                destination = TryOpenExisting(directory);
            if (source.IsOpen)
            {
                DirectoryListing.Visit(source.Handle, copy.Source.PathOf(directory.Source), (terminatedName, type) =>
                    CopyEntry(directory, source.Handle, ref destination, terminatedName, type));
            }
            if (copy.IsMirror && destination.IsOpen && directory.Existed)
                RemoveOthers(directory, source, destination.Handle);
        }
        finally
        {
            destination.Dispose();
        }
    }

    /// <summary>Gives a directory its attributes, everything beneath it being made.</summary>
    public void Complete(CopiedDirectory directory)
    {
        if (!directory.IsCopied || directory.Source is not { } sourceDirectory)
            return;
        using DirectoryLease source = sourceDirectory.Open();
        using DirectoryLease destination = directory.Destination.Open();
        copy.Source.Check(Files.Details(source.Handle, out FileDetails details), "look at", sourceDirectory);
        if (!directory.Details.IsUnchanged(details))
            throw CopyFailure.Changed(copy.Source.PathOf(sourceDirectory), isSource: true);
        bool removeOthers = directory.Existed || directory.Parent?.PassesAcl == true;
        _entries.Attributes.Apply(source.Handle, destination.Handle, directory.Details, new CopySubject(directory, default), removeOthers);
    }

    private void LookAtSource(CopiedDirectory directory, SafeFileHandle source)
    {
        copy.Source.Check(Files.Details(source, out FileDetails details), "look at", directory.Source);
        // A bind mount made between the first look and this one could still lead the copy into itself.
        if (details.Identity == copy.DestinationIdentity)
            throw copy.Overlap();
        directory.Details = details;
    }

    private void CopyEntry(CopiedDirectory directory, SafeFileHandle from, ref DirectoryLease to, ReadOnlySpan<byte> terminatedName, byte type)
    {
        copy.CancellationToken.ThrowIfCancellationRequested();
        var subject = new CopySubject(directory, terminatedName);
        bool isSelected = copy.Selection.Selects(directory.Selection, subject.Name);
        if (type == DirectoryListing.UnknownType)
        {
            subject.CheckSource(Files.Status(from, subject.Name, out FileStatus status), "look at");
            type = (byte)(status.Type >> 12); // DT_* are the mode's bits (dirent.h, IFTODT)
        }
        if (type == DirectoryListing.DirectoryType)
        {
            SelectionState selection = copy.Selection.Enter(directory.Selection, subject.Name);
            if (isSelected || copy.Selection.MayContain(selection))
                copy.Add(new CopiedDirectory(directory, terminatedName.ToArray(), selection, isSelected, inSource: true));
            return;
        }
        if (!isSelected)
            return;
        if (!directory.IsCopied || !to.IsOpen)
        {
            to.Dispose();
            to = default;
            to = copy.OpenDestination(directory);
        }
        if (type == RegularType)
            _entries.CopyFile(from, to.Handle, subject);
        else
            _entries.CopyOther(from, to.Handle, subject);
    }

    /// <summary>The destination of a directory that is not to be copied itself, if there is one.</summary>
    private static DirectoryLease TryOpenExisting(CopiedDirectory directory)
    {
        if (!directory.Parent!.IsPresent)
            return default;
        using DirectoryLease parent = directory.Parent.Destination.Open();
        DirectoryLease? existing = directory.Destination.TryOpenIn(parent.Handle, out int errno);
        if (existing is null && errno is not (ENOENT or ENOTDIR or ELOOP))
            throw directory.Destination.Side.OpenFailure(errno, directory.Destination);
        if (existing is not null)
            directory.MarkPresent(existed: true);
        return existing ?? default;
    }

    /// <summary>Removes what the destination has and the source has not, as far as it is selected.</summary>
    private void RemoveOthers(CopiedDirectory directory, DirectoryLease source, SafeFileHandle destination)
    {
        // Listed completely first: positions in a list that is being removed from mean nothing on some file systems.
        var others = new List<(byte[] TerminatedName, byte Type)>();
        DirectoryListing.Visit(destination, copy.Destination.PathOf(directory.Destination), (terminatedName, type) =>
        {
            if (!source.IsOpen || Files.Status(source.Handle, terminatedName[..^1], out _).Missing)
                others.Add((terminatedName.ToArray(), type));
        });
        foreach ((byte[] terminatedName, byte type) in others)
        {
            var subject = new CopySubject(directory, terminatedName);
            if (copy.Selection.Selects(directory.Selection, subject.Name))
            {
                TreeRemoval.Remove(destination, terminatedName, subject.DestinationPath, copy.CancellationToken);
                continue;
            }
            SelectionState selection = copy.Selection.Enter(directory.Selection, subject.Name);
            if (type is DirectoryListing.DirectoryType or DirectoryListing.UnknownType && copy.Selection.MayContain(selection))
                copy.Add(new CopiedDirectory(directory, terminatedName, selection, isSelected: false, inSource: false));
        }
    }
}
