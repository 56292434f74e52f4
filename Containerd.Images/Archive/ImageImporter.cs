using System.IO.Abstractions;

namespace Containerd.Images;

/// <summary>Brings images in from archives and directories that other programs wrote.</summary>
/// <remarks>
/// <para>Understands an OCI image layout, as a directory or as an uncompressed tar archive (<c>skopeo copy … oci-archive:</c>, <c>podman save --format oci-archive</c>,
/// <c>docker save</c> from version 25 on), and the older archives of <c>docker save</c>, told by their <c>manifest.json</c>. A layout wins where an archive is both.</para>
/// <para>What an archive says is hostile: only members that the formats define are looked at, no name in it becomes a path, all JSON is bounded, and every blob's digest is
/// verified while it is stored. All platforms of an image are imported as far as the archive has them; a name is only given once all content is there.</para>
/// <para>Names are those of the annotations <c>io.containerd.image.name</c> and <c>org.opencontainers.image.ref.name</c>, or of <c>RepoTags</c>, unless the caller gives one. Names
/// that stand for another image are not touched unless the caller says so (CVE-2026-50195).</para>
/// <para>Thread-safe. What a failed or cancelled import leaves is verified content without a name, which the next one uses.</para>
/// <para>Source: containerd core/images/archive; image-spec v1.1 image-layout.md.</para>
/// </remarks>
public sealed class ImageImporter
{
    private readonly IContentStore _content;
    private readonly IImageStore _images;
    private readonly IFileSystem _files;
    private readonly TimeProvider _timeProvider;

    /// <summary>Makes an importer.</summary>
    /// <param name="content">Where content goes.</param>
    /// <param name="images">Where names go.</param>
    /// <param name="fileSystem">The file system of directories to import; null for the real one.</param>
    /// <param name="timeProvider">The clock; null for the system's.</param>
    public ImageImporter(IContentStore content, IImageStore images, IFileSystem? fileSystem = null, TimeProvider? timeProvider = null)
    {
        ArgumentNullException.ThrowIfNull(content);
        ArgumentNullException.ThrowIfNull(images);
        (_content, _images, _files, _timeProvider) = (content, images, fileSystem ?? new FileSystem(), timeProvider ?? TimeProvider.System);
    }

    /// <summary>Imports an archive.</summary>
    /// <param name="archive">The archive: a readable, seekable stream at its start. Not disposed.</param>
    /// <param name="options">Names; null for those of the archive.</param>
    /// <param name="progress">Told of each blob.</param>
    /// <param name="cancellationToken">Stops the import.</param>
    /// <returns>The images that were named.</returns>
    /// <exception cref="ArgumentException">The stream cannot seek.</exception>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.DataCorrupted"/>: no archive of images, or a damaged one. -or-
    /// <see cref="ErrorKind.NotFound"/>: it lacks content it refers to. -or-
    /// <see cref="ErrorKind.AlreadyExists"/>: a name stands for another image. -or-
    /// <see cref="ErrorKind.InvalidArgument"/>: an image has no name, or <see cref="ImageImportOptions.Name"/> was given for several. -or-
    /// <see cref="ErrorKind.ResourceExhausted"/>: a document is larger than allowed, or the disk is full. -or-
    /// <see cref="ErrorKind.NotSupported"/>: a layout or manifest of another version.</exception>
    public async Task<IReadOnlyList<ImageRecord>> ImportAsync(
        Stream archive, ImageImportOptions? options = null, IProgress<TransferProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(archive);
        if (!archive.CanRead || !archive.CanSeek)
            throw new ArgumentException("The archive must be readable and seekable: write it to a file first.", nameof(archive));
        TarSource source = await TarSource.OpenAsync(archive, cancellationToken).ConfigureAwait(false);
        await using (source.ConfigureAwait(false))
            return await ImportAsync(source, options ?? new ImageImportOptions(), progress, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Imports a directory that is an OCI image layout.</summary>
    /// <param name="directory">The directory.</param>
    /// <param name="options">Names; null for those of the layout.</param>
    /// <param name="progress">Told of each blob.</param>
    /// <param name="cancellationToken">Stops the import.</param>
    /// <returns>The images that were named.</returns>
    /// <exception cref="ContainerdException">As the other overload.</exception>
    public async Task<IReadOnlyList<ImageRecord>> ImportAsync(
        string directory, ImageImportOptions? options = null, IProgress<TransferProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        var source = new DirectorySource(directory, _files);
        return await ImportAsync(source, options ?? new ImageImportOptions(), progress, cancellationToken).ConfigureAwait(false);
    }

    private async Task<IReadOnlyList<ImageRecord>> ImportAsync(
        ArchiveSource source, ImageImportOptions options, IProgress<TransferProgress>? progress, CancellationToken cancellationToken)
    {
        try
        {
            var blobs = new ArchiveBlobs(source, new ContentTransfer(_content, _timeProvider), _content, progress);
            byte[]? layout = await source.ReadAsync("oci-layout", ImageManifest.MaxBytes, cancellationToken).ConfigureAwait(false);
            IReadOnlyList<(Descriptor Target, IReadOnlyList<string> Names)> found = layout is not null
                ? await ReadLayoutAsync(source, layout, cancellationToken).ConfigureAwait(false)
                : await new DockerArchive(source, blobs).ReadAsync(cancellationToken).ConfigureAwait(false)
                    ?? throw new ContainerdException(ErrorKind.DataCorrupted, $"There are no images in {source.Description}: it has neither 'oci-layout' nor 'manifest.json'.") { Subject = source.Description };
            List<(string Name, Descriptor Target)> named = ImportNames.Choose(found, options, source.Description);
            // Told early rather than after gigabytes; decided at the end.
            foreach ((string name, Descriptor target) in named)
                await ThrowIfTakenAsync(name, target, options, cancellationToken).ConfigureAwait(false);
            foreach (Descriptor target in named.Select(image => image.Target).DistinctBy(target => target.Digest))
                await blobs.StoreImageAsync(target, cancellationToken).ConfigureAwait(false);

            var images = new List<ImageRecord>();
            foreach ((string name, Descriptor target) in named)
            {
                images.Add(await ImageNaming.SetAsync(_images, name, target, options.ReplaceExisting, cancellationToken).ConfigureAwait(false));
            }
            return images;
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
        {
            throw new ContainerdException(ErrorKind.DataCorrupted, $"Reading {source.Description} failed: it is truncated or damaged.", e) { Subject = source.Description };
        }
        catch (Exception e) when (StorageError.Is(e))
        {
            throw StorageError.From(e, "Reading what is to be imported", source.Description);
        }
    }

    private static async Task<IReadOnlyList<(Descriptor, IReadOnlyList<string>)>> ReadLayoutAsync(ArchiveSource source, byte[] layout, CancellationToken cancellationToken)
    {
        string? version = ImageJson.Parse(layout, ImageJson.Default.OciLayoutFile, "'oci-layout'").Version;
        if (version != "1.0.0")
            throw new ContainerdException(ErrorKind.NotSupported, $"The image layout of {source.Description} has version '{Excerpt.Of(version)}'; only 1.0.0 is supported.");
        byte[] json = await source.ReadAsync("index.json", ImageManifest.MaxBytes, cancellationToken).ConfigureAwait(false)
            ?? throw new ContainerdException(ErrorKind.DataCorrupted, $"The image layout of {source.Description} has no 'index.json'.") { Subject = source.Description };
        return
        [
            .. ImageIndex.Parse(json, MediaTypes.OciIndex).Manifests
                .Where(target => target.Annotations?.ContainsKey("io.containerd.manifest.subject") != true)
                .Select(target => (target, ImportNames.Of(target))),
        ];
    }

    private async Task ThrowIfTakenAsync(string name, Descriptor target, ImageImportOptions options, CancellationToken cancellationToken)
    {
        if (!options.ReplaceExisting && await _images.FindAsync(name, cancellationToken).ConfigureAwait(false) is { } taken && taken.Target.Digest != target.Digest)
            throw ImageNaming.Taken(name, taken.Target.Digest);
    }
}
