"""What the containers of a system are made of, as its database says."""

import docker

from harness.database import Database
from harness.environments.containers import Program
from harness.environments.image import Image, node_image, present_image
from harness.environments.packages import package_image
from harness.errors import EnvironmentFailed


def base_program(client: docker.DockerClient, database: Database) -> tuple[Program, Image | None]:
    """What all programs of a system have in common, with its image made or pulled; the image too,
    where it is that of our own nodes."""
    if database.image is not None:
        return Program(image=present_image(client, database.image), trusted=True), None
    if database.packages:
        return Program(image=package_image(client, database.packages)), None
    if database.python is not None:
        image = node_image(client, database.python)
        binds = ["/usr:/usr:ro"] if image.mounts_usr else []
        return Program(image=image.tag, binds=binds), image
    raise EnvironmentFailed(
        "the system does not say what its containers are made of: give its class an image, "
        "packages or a compose file, or use the environment namespaces or local"
    )
