namespace Containerd.Images;

/// <summary>Gives a name to an image whose content is there (D-26).</summary>
internal static class ImageNaming
{
    /// <summary>Makes the name, or has it stand for another image where that is allowed.</summary>
    public static async Task<ImageRecord> SetAsync(IImageStore images, string name, Descriptor target, bool mayReplace, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                return await images.CreateAsync(new ImageRecord { Name = name, Target = target }, cancellationToken).ConfigureAwait(false);
            }
            catch (ContainerdException e) when (e.Kind == ErrorKind.AlreadyExists)
            {
                if (await images.FindAsync(name, cancellationToken).ConfigureAwait(false) is not { } taken)
                    continue;
                if (taken.Target.Digest == target.Digest)
                    return taken;
                if (!mayReplace)
                    throw Taken(name, taken.Target.Digest);
            }
            try
            {
                return await images.UpdateAsync(name, target, cancellationToken: cancellationToken).ConfigureAwait(false);
            }
            catch (ContainerdException e) when (e.Kind == ErrorKind.NotFound)
            {
                // Somebody removed it between the two: make it after all.
            }
        }
    }

    public static ContainerdException Taken(string name, Digest digest) =>
        new(ErrorKind.AlreadyExists, $"The name '{Excerpt.Of(name)}' stands for another image, {digest}: give another name, or allow to replace it.") { Subject = name };
}
